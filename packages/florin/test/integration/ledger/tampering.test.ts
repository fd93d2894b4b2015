import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  captureHold,
  createSpender,
  issueGrant,
  placeHold,
  releaseHold,
  restoreGrant,
  reverseGrant,
  transfer,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { buyCredits } from '../../support/bought.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

/** Columns that no edit of may stay unseen, with what the edit writes. */
const EDITS: Readonly<Record<string, readonly string[]>> = {
  accounts: [
    'posted = posted + 1',
    'held = held + 1',
    'axis = axis + 1',
    'settled = settled - 1',
    'debt = debt + 1',
    'entry_no = entry_no + 1',
    "chain = '\\x00'",
    'closed_at = now()',
    "next_change_at = 'infinity'",
    'next_expiry_at = now()',
  ],
  entries: [
    'amount = amount + 1',
    'axis_from = coalesce(axis_from, 0) + 1',
    'posted_after = posted_after + 1',
    'held_after = held_after + 1',
    "created_at = created_at + interval '1 us'",
    "kind = case when kind = 'spend' then 'grant' else 'spend' end::credits.entry_kind",
    'grant_id = gen_random_uuid()',
    'grant_delta = coalesce(grant_delta, 0) + 1',
    'hold_id = gen_random_uuid()',
    "idempotency_key = idempotency_key || 'x'",
    'metadata = \'{"forged": true}\'',
    "actor = 'forged'",
    "feature = coalesce(feature, '') || 'x'",
    "meter = coalesce(meter, '') || 'x'",
    'quantity = coalesce(quantity, 0) + 0.5',
    'pricing = \'{"forged": true}\'',
    "subject_seal = '\\x00'",
    "chain = '\\x00'",
    "metadata_digest = '\\x00'",
    "actor_digest = '\\x00'",
  ],
  grants: [
    'amount = amount + 1, remaining = remaining + 1',
    "source = 'forged'",
    'priority = priority + 1',
    "effective_at = effective_at - interval '1 us'",
    "expires_at = 'infinity'",
    "created_at = created_at - interval '1 us'",
    "purchase_key = coalesce(purchase_key, '') || 'x'",
    'reversed = reversed + 1, burned = burned - 1',
    'moved = moved + 1, remaining = remaining - 1',
    'taken_from_voided = taken_from_voided + 1',
    'home_account_id = gen_random_uuid(), home_grant_id = gen_random_uuid()',
  ],
  holds: [
    'amount = amount + 1',
    'axis_from = axis_from + 1',
    "expires_at = expires_at + interval '1 us'",
    "status = 'released'",
    'captured = captured - 1',
    'ended_no = ended_no + 1',
    'metadata = \'{"forged": true}\'',
    "actor = 'forged'",
    "feature = 'forged'",
    "metadata_digest = '\\x00'",
    "actor_digest = '\\x00'",
  ],
  allocations: [
    'axis_to = axis_to + 1',
    'grant_id = gen_random_uuid()',
    'displaced_from = grant_id',
  ],
};

/** `npm run proof` makes 1,000 random edits; every test run some. */
const RANDOM_EDITS = Number(process.env['FLORIN_PROOF_EDITS'] ?? 60);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? Date.now() % 2 ** 31);
/**
 * When to look again: a later instant than the truth is found, an earlier one changes nothing. And an
 * operator's setting, which no entry records.
 */
const NOT_PROVEN = ['accounts.next_change_at', 'accounts.debt_limit', 'accounts.limited'];
/** Settings, who may use an account, what refuses by limits, and sums of the entries for reports: they move no credits. */
const NO_BOOKS = ['limits', 'limit_counters', 'members', 'usage_days', 'usage_marks'];

/** mulberry32: the same edits for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Another value of a column's type, as SQL; never the same one. */
function anotherValue(column: string, type: string, pick: (below: number) => number): string {
  const by = 1 + pick(50);
  switch (type) {
    case 'bigint':
    case 'integer':
    case 'credits.zero_or_more':
    case 'credits.above_zero':
      return `coalesce(${column}, 0) ${pick(2) === 0 ? '+' : '-'} ${by}`;
    case 'numeric':
      return `coalesce(${column}, 0) + ${by}`;
    case 'text':
      return `coalesce(${column}, '') || '${by}'`;
    case 'uuid':
      return pick(3) === 0
        ? `case when ${column} is null then gen_random_uuid() end`
        : 'gen_random_uuid()';
    case 'timestamp with time zone':
      return `coalesce(${column}, now()) + interval '${by} us'`;
    case 'boolean':
      return `not ${column}`;
    case 'bytea':
      return `set_byte(coalesce(nullif(${column}, ''), '\\x00'), 0,
                       (get_byte(coalesce(nullif(${column}, ''), '\\x00'), 0) + ${by}) % 256)`;
    case 'jsonb':
      return `coalesce(${column}, '{}') || '{"forged": ${by}}'`;
    case 'credits.entry_kind':
    case 'credits.hold_status':
    case 'credits.cause':
    case 'credits.overage':
      return `(select v from unnest(enum_range(null::${type})) v where v is distinct from ${column}
                order by md5(v::text || '${by}') limit 1)`;
    default:
      throw new Error(`No edit is known for a ${type}.`);
  }
}

/** A row cannot be moved to another account on a cluster, not even by a superuser. */
const isFixed = (column: string) => inject('citus') !== null && column === 'account_id';

type Ask = (sql: string, values?: readonly (string | null)[]) => Promise<Record<string, unknown>[]>;

const KEYS = `
  select c.relname as name, array_agg(a.attname::text order by array_position(i.indkey::int[], a.attnum::int)) as keys
    from pg_index i
    join pg_class c on c.oid = i.indrelid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
   where c.relnamespace = 'credits'::regnamespace and i.indisprimary
   group by c.relname`;

/** Both statements of an edit in words that Citus takes too: the row by its key, and constants. */
function tamperer(keysOf: ReadonlyMap<string, readonly string[]>) {
  return async (
    ask: Ask,
    edit: { table: string; accountId: string; set?: string; skip?: number },
  ): Promise<{ edited: number; said: string }> => {
    const keys = keysOf.get(edit.table) ?? [];
    const set = [...(edit.set ?? '').matchAll(/(\w+) = (.*?)(?:, (?=\w+ = )|$)/gs)];
    const listed = (parts: string[]) => `array[${parts.join(', ')}]::text[]`;
    const [row] = await ask(
      `select ${listed(keys.map((key) => `${key}::text`))} as keys,
              ${listed(set.map(([, , value]) => `(${value})::text`))} as values
         from credits.${edit.table} where account_id = '${edit.accountId}'
        order by ${edit.table === 'grants' ? 'burned' : keys.join(' desc, ')} desc
       offset ${edit.skip ?? 0} limit 1`,
    );
    const [found, values] = [row?.['keys'] as string[], row?.['values'] as string[]];
    const where = keys.map((key, n) => `${key} = $${set.length + n + 1}`).join(' and ');
    const statement =
      edit.set === undefined
        ? `delete from credits.${edit.table} where ${where}`
        : `update credits.${edit.table} set ${set.map(([, column], n) => `${column} = $${n + 1}`)} where ${where}`;
    const rows = row ? await ask(`${statement} returning 1 as one`, [...values, ...found]) : [];
    return { edited: rows.length, said: `${statement} [${edit.set ?? ''}]` };
  };
}

describe('edits behind the ledger', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let tamper: ReturnType<typeof tamperer>;
  beforeAll(async () => {
    database = await freshDatabase();
    const keys = await database.db.query<{ name: string; keys: string[] }>(KEYS);
    tamper = tamperer(new Map(keys.map((of) => [of.name, of.keys])));
  });
  afterAll(() => database.close());

  it('finds an edit of any ledger table made by a superuser', async () => {
    const accountId = randomUUID();
    const { db } = database;
    const grant = { accountId, amount: 100, source: 'purchase' };
    await issueGrant(db, { ...grant, idempotencyKey: 'one' });
    const expiresAt = new Date(Date.now() + 3_600_000);
    const { grantId } = await issueGrant(db, { ...grant, idempotencyKey: 'two', expiresAt });
    await issueGrant(db, { ...grant, idempotencyKey: 'three', expiresAt });
    const { holdId } = await placeHold(db, { accountId, amount: 30, idempotencyKey: 'hold' });
    await spend(db, { accountId, amount: 90, idempotencyKey: 'spend' });
    await captureHold(db, { accountId, holdId, amount: 20 });
    await reverseGrant(db, { accountId, grantId, amount: 50, idempotencyKey: 'refund' });
    await buyCredits(db, { accountId, amount: 20, priority: 1, expiresAt });
    const moved = { from: accountId, amount: 5, idempotencyKey: 'moved', reason: 'test' };
    await transfer(db, { ...moved, to: randomUUID() });
    expect(await verifyLedger(db)).toEqual([]);

    const unseen: string[] = [];
    const broken = new Set<string>();
    for (const [table, edits] of Object.entries(EDITS)) {
      for (const edit of [...edits, undefined]) {
        const undo = new Error('undo');
        await db
          .transaction(async (tx) => {
            await tx.query('set local role florin_owner');
            const { edited, said } = await tamper((sql, values) => tx.query(sql, values), {
              table,
              accountId,
              ...(edit === undefined ? {} : { set: edit }),
            });
            expect(edited, said).toBe(1);
            const found = await verifyLedger(tx);
            if (found.length === 0) {
              unseen.push(said);
            }
            for (const { invariant } of found) {
              broken.add(invariant);
            }
            throw undo;
          })
          .catch((error: unknown) => {
            // A check constraint that refuses the edit is an answer too.
            if (error !== undo && !/violates/.test(String(error))) {
              throw error;
            }
          });
      }
    }
    expect(unseen).toEqual([]);
    expect(await verifyLedger(db, accountId)).toEqual([]);
    const views = await db.query<{ name: string }>(
      "select relname as name from pg_class where relname like 'broken\\_%' and relname <> 'broken_invariants'",
    );
    const named = [...broken].map((name) => `broken_${name.replace("'", '').replaceAll(' ', '_')}`);
    // Each view finds some edit; but for what a check constraint of the grants refuses before.
    expect([...named, 'broken_every_credit_of_a_grant_is_somewhere'].sort()).toEqual(
      views.map(({ name }) => name).sort(),
    );
  });

  it('finds a place on the axis that an entry was given, whatever its number', async () => {
    const accountId = randomUUID();
    const grant = { accountId, amount: 100, source: 'purchase', idempotencyKey: 'one' };
    await issueGrant(database.db, grant);
    for (const place of [-2, -1, 0, 1]) {
      const undo = new Error('undo');
      const tampered = database.db.transaction(async (tx) => {
        await tx.query('set local role florin_owner');
        const edit = { table: 'entries', accountId, set: `axis_from = ${place}` };
        const { edited } = await tamper((sql, values) => tx.query(sql, values), edit);
        expect(edited).toBe(1);
        expect(await verifyLedger(tx, accountId), `at ${place}`).not.toEqual([]);
        throw undo;
      });
      await expect(tampered).rejects.toBe(undo);
    }
  });

  it(`finds each of ${RANDOM_EDITS} random edits made by a superuser with triggers off`, {
    timeout: 60_000 + RANDOM_EDITS * 1_000,
  }, async ({ skip }) => {
    if (database.adminUrl === '') {
      skip('DATABASE_URL gives no superuser');
    }
    const pick = randomFrom(SEED);
    const accounts = await Promise.all(Array.from({ length: 5 }, () => liveLife(pick)));
    const client = new pg.Client({ connectionString: database.adminUrl });
    await client.connect();
    try {
      await client.query('set session_replication_role = replica');
      const { rows: columns } = await client.query<{ name: string; column: string; type: string }>(
        `select c.relname as name, a.attname as column, format_type(a.atttypid, null) as type
           from pg_class c join pg_attribute a on a.attrelid = c.oid
          where c.relnamespace = 'credits'::regnamespace and c.relkind = 'r' and a.attnum > 0
          order by 1, a.attnum`,
      );
      const proven = columns.filter(
        ({ name, column }) =>
          !NOT_PROVEN.includes(`${name}.${column}`) && !NO_BOOKS.includes(name) && !isFixed(column),
      );
      const tables = [...new Set(proven.map(({ name }) => name))];
      expect(tables).toEqual(['accounts', 'allocations', 'entries', 'grants', 'holds']);
      const unseen: string[] = [];
      for (let made = 0; made < RANDOM_EDITS; ) {
        const accountId = accounts[pick(accounts.length)] ?? '';
        const { name, column, type } = proven[pick(proven.length)] ?? {
          name: '',
          column: '',
          type: '',
        };
        const set =
          pick(12) === 0 ? {} : { set: `${column} = ${anotherValue(column, type, pick)}` };
        // On a cluster one transaction reads what it wrote as one user.
        await client.query(`begin${inject('citus') ? '; set local role florin_owner' : ''}`);
        const ask: Ask = async (sql, values) => (await client.query(sql, [...(values ?? [])])).rows;
        const skip = pick(12);
        const edit = await tamper(ask, { table: name, accountId, skip, ...set }).catch(
          (error: unknown) => {
            // What a constraint refuses even a superuser is no edit.
            if (error instanceof pg.DatabaseError && /^23/.test(error.code ?? '')) {
              return { edited: 0, said: '' };
            }
            throw error;
          },
        );
        if (edit.edited > 0) {
          made += 1;
          const found = await client.query('select * from credits.verify_ledger()');
          if (found.rowCount === 0) {
            unseen.push(edit.said);
          }
        }
        await client.query('rollback');
      }
      expect(unseen, `seed ${SEED}`).toEqual([]);
      const after = await client.query('select * from credits.verify_ledger()');
      expect(after.rows).toEqual([]);
    } finally {
      await client.end();
    }
  });

  it('a control that proves sums alone overlooks an edit: the test can fail', async () => {
    const { db } = database;
    const accountId = randomUUID();
    const grant = { accountId, amount: 100, source: 'purchase', idempotencyKey: 'g' };
    await issueGrant(db, grant);
    const undo = new Error('undo');
    await db
      .transaction(async (tx) => {
        await tx.query('set local role florin_owner');
        await tx.query(
          `update credits.entries set idempotency_key = 'forged' where account_id = $1`,
          [accountId],
        );
        const [sums] = await tx.query<{ sound: boolean }>(
          `select a.posted = (select sum(e.amount) from credits.entries e
                               where e.account_id = a.account_id) as sound
             from credits.accounts a where a.account_id = $1`,
          [accountId],
        );
        expect(sums?.sound).toBe(true);
        expect(await verifyLedger(tx, accountId)).not.toEqual([]);
        throw undo;
      })
      .catch((error: unknown) => {
        if (error !== undo) {
          throw error;
        }
      });
  });

  /** An account with some of everything that can happen. */
  async function liveLife(pick: (below: number) => number): Promise<string> {
    const { db } = database;
    const accountId = randomUUID();
    const grant = (n: number, metadata = {}) => {
      const idempotencyKey = `grant:${n}`;
      const amount = 50 + pick(50);
      return issueGrant(db, { accountId, amount, idempotencyKey, source: 'purchase', metadata });
    };
    const hold = (n: number) => {
      const idempotencyKey = `hold:${n}`;
      return placeHold(db, { accountId, amount: 5 + pick(5), idempotencyKey });
    };
    const { grantId } = await grant(1, { stripe_price_id: 'price_1' });
    await grant(2);
    await spend(db, { accountId, amount: 1 + pick(20), idempotencyKey: 'spend:1' });
    const { holdId } = await hold(1);
    await captureHold(db, { accountId, holdId, amount: 1 + pick(4) });
    await spend(db, { accountId, amount: 30, idempotencyKey: 'spend:2', metadata: { page: 1 } });
    const part = { accountId, grantId, amount: 40 };
    await reverseGrant(db, { ...part, idempotencyKey: 'refund' });
    await restoreGrant(db, { ...part, amount: 10, idempotencyKey: 'refund failed' });
    await hold(2);
    const { holdId: released } = await hold(3);
    await releaseHold(db, { accountId, holdId: released });
    await grant(3);
    const pricing = { version: 1, rate: { credits: '1' } };
    const metered = { meter: 'page', quantity: '2', pricing, actor: 'ada', feature: 'scan' };
    await createSpender(db).spendMetered({
      accountId,
      amount: 2,
      idempotencyKey: 'charge:1',
      ...metered,
    });
    await spend(db, { accountId, amount: 1 + pick(9), idempotencyKey: 'spend:3' });
    await buyCredits(db, { accountId, amount: 40, priority: 1 });
    const moved = { from: accountId, amount: 5 + pick(9), reason: 'test' };
    await transfer(db, { ...moved, to: randomUUID(), idempotencyKey: 'moved' });
    expect(await verifyLedger(db, accountId)).toEqual([]);
    return accountId;
  }
});
