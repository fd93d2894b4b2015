import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  adjust,
  captureHold,
  issueGrant,
  listEntries,
  placeHold,
  readBalance,
  readUsage,
  rollUpUsage,
  setLimit,
  spendBatch,
  verifyLedger,
} from '../../src/ledger/index.ts';
import { readRole, setMember } from '../../src/members/index.ts';
import { erasePerson, exportPerson } from '../../src/person/index.ts';
import { buyCredits, moneyMoves } from '../support/bought.ts';
import { runFlorin } from '../support/florin-process.ts';
import { type FreshDatabase, freshDatabase, LOCK_WAITS } from '../support/postgres.ts';
import { spend } from '../support/spend.ts';

const SECRET = 'ada.lovelace@example.com';

describe('a person', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  /** Ada with an account of her own, in a team whose owner is Charles, and an operator besides. */
  async function ada() {
    const { db } = database;
    const [userId, team, owner] = [randomUUID(), randomUUID(), randomUUID()];
    await setMember(db, { accountId: team, userId: owner, role: 'owner' });
    await setMember(db, { accountId: team, userId, role: 'member' });
    const bought = await buyCredits(db, { accountId: userId, amount: 100 });
    const gift = { accountId: userId, amount: 10, idempotencyKey: 'welcome', source: 'bonus' };
    await issueGrant(db, { ...gift, metadata: { reason: `for ${SECRET}`, note: SECRET } });
    const own = { accountId: userId, idempotencyKey: 'scan', metadata: { file: SECRET } };
    await spend(db, { ...own, amount: 5, actor: SECRET });
    await placeHold(db, { ...own, amount: 3, idempotencyKey: 'hold' });
    await buyCredits(db, { accountId: team, amount: 50 });
    await setLimit(db, { accountId: team, credits: 40, window: 'month', actor: userId });
    const used = { accountId: team, actor: userId, feature: 'scan', metadata: { file: SECRET } };
    await spend(db, { ...used, amount: 7, idempotencyKey: 'team:1' });
    await rollUpUsage(db, 1_000);
    await spend(db, { ...used, amount: 2, idempotencyKey: 'team:2' });
    const { holdId } = await placeHold(db, { ...used, amount: 4, idempotencyKey: 'team:hold' });
    await captureHold(db, { accountId: team, holdId, amount: 1 });
    await adjust(db, {
      accountId: team,
      amount: 9,
      idempotencyKey: 'fix',
      reason: 'counted wrong',
      actor: userId,
    });
    await db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query(
        `insert into billing.events (event_id, type, livemode, created_at, status, payload, account_id)
         values ($1, 'customer.updated', false, now(), 'processed', $2, $3)`,
        [`evt_${userId}`, { id: `evt_${userId}`, data: { object: { email: SECRET } } }, userId],
      );
    });
    return { userId, team, owner, bought };
  }

  async function everything(): Promise<string> {
    const [row] = await database.db.query<{ text: string }>(
      `select concat((select json_agg(e) from credits.entries e), (select json_agg(g) from credits.grants g),
                     (select json_agg(h) from credits.holds h), (select json_agg(d) from credits.usage_days d),
                     (select json_agg(l) from credits.limits l), (select json_agg(m) from credits.members m),
                     (select json_agg(c) from credits.limit_counters c),
                     (select json_agg(v.payload) from billing.events v)) as text`,
    );
    return row?.text ?? '';
  }

  it('is exported with their own account and what they did in others', async () => {
    const { userId, team, owner } = await ada();
    const all = await exportPerson(database.db, { userId, now: new Date() });
    expect(all.memberships).toEqual([
      { accountId: userId, role: 'owner' },
      { accountId: team, role: 'member' },
    ]);
    expect(all.entries.map(({ kind }) => kind)).toEqual(['grant', 'grant', 'spend', 'hold']);
    const keys = all.actedIn.entries.map(({ idempotencyKey }) => idempotencyKey);
    expect(keys).toEqual(expect.arrayContaining(['team:1', 'team:2', 'team:hold', 'fix']));
    expect(all.actedIn.holds).toHaveLength(1);
    expect(all.limits).toHaveLength(1);
    expect(all.events).toHaveLength(1);
    expect(JSON.stringify(all)).not.toContain(owner);
    const { stdout, code } = await runFlorin(['person', 'export', userId], {
      env: { DATABASE_URL: database.url },
    });
    expect([code, JSON.parse(stdout).userId]).toEqual([0, userId]);
  }, 120_000);

  it('is in alerts of limits that they passed in a team, which are handed over and erased', async () => {
    const { db } = database;
    const [team, userId] = [randomUUID(), randomUUID()];
    await issueGrant(db, { accountId: team, amount: 9, idempotencyKey: 'g', source: 'test' });
    const own = { accountId: team, actor: userId };
    await setLimit(db, { ...own, credits: 1, window: 'day', soft: true });
    await spend(db, { ...own, amount: 4, idempotencyKey: 's' });
    await db.query('select billing.note_passed_limits(1000)');
    const alerts = async () => (await exportPerson(db, { userId, now: new Date() })).alerts;
    expect(await alerts()).toMatchObject([{ accountId: team, type: 'limit_passed' }]);
    expect((await erasePerson(db, { userId })).erased.alerts).toBe(1);
    expect(await alerts()).toEqual([]);
  });

  it('is erased from usage that a job is adding up for the first time, too', async () => {
    const { db } = database;
    const [team, userId] = [randomUUID(), randomUUID()];
    await issueGrant(db, { accountId: team, amount: 9, idempotencyKey: 'g', source: 'test' });
    await spend(db, { accountId: team, amount: 4, idempotencyKey: 's', actor: userId });
    let erasing: ReturnType<typeof erasePerson> | undefined;
    await db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query('select credits.roll_up_account($1, 2, 100)', [team]);
      let isOver = false;
      erasing = erasePerson(db, { userId }).finally(() => {
        isOver = true;
      });
      // It has come as far as it can without the job.
      for (let waits = 0; waits === 0 && !isOver; ) {
        const [row] = await db.query<{ waits: number }>(
          `select count(*)::int as waits from ${LOCK_WAITS} a where a.datname = current_database()`,
        );
        waits = row?.waits ?? 0;
      }
    });
    await erasing;
    const usage = await readUsage(db, { accountId: team, by: ['actor'], now: new Date() });
    expect('groups' in usage && usage.groups).toEqual([
      expect.objectContaining({ actor: expect.stringMatching(/^erased:/), spent: 4 }),
    ]);
  });

  it('is erased: no word of them is left, the ledger is proven, and money still finds its credits', async () => {
    const { db } = database;
    const { userId, team, bought } = await ada();
    const before = await exportPerson(db, { userId, now: new Date() });
    const amounts = before.entries.map(({ entryNo, amount }) => [entryNo, amount]);
    const done = await erasePerson(db, { userId });
    expect(done.erased).toMatchObject({ memberships: 1, limits: 1, events: 1 });
    expect(done.erased.entries).toBeGreaterThanOrEqual(6);
    expect(await verifyLedger(db)).toEqual([]);

    const mine = await exportPerson(db, { userId, now: new Date() });
    const { account: _account, ...rest } = mine;
    expect(JSON.stringify(rest)).not.toContain(SECRET);
    expect(mine.actedIn).toEqual({ entries: [], holds: [] });
    expect(await readRole(db, { accountId: team, userId })).toBeUndefined();
    const now = mine.entries.map(({ entryNo, amount }) => [entryNo, amount]);
    expect(now.slice(0, amounts.length)).toEqual(amounts);
    // What Stripe's money goes by is there: the purchase and its ids.
    const [pack] = mine.grants.filter(({ purchaseKey }) => purchaseKey !== null);
    const given = mine.entries.find(({ grantId }) => grantId === pack?.['grantId']);
    expect(given?.['metadata']).toMatchObject({ stripe_payment_id: expect.any(String) });
    await moneyMoves(db, { ...bought, do: 'reverse', amount: 100, step: 1 });
    expect((await readBalance(db, userId)).posted).toBe(5);
    expect(await verifyLedger(db)).toEqual([]);

    // The team's books go on: one pseudonym for what they used, before the rollup and after it.
    const usage = await readUsage(db, { accountId: team, by: ['actor'], now: new Date() });
    expect('groups' in usage && usage.groups).toEqual([
      expect.objectContaining({ actor: expect.stringMatching(/^erased:/), spent: 10 }),
    ]);
    const entries = await listEntries(db, { accountId: team, limit: 20 });
    const fix = entries.find(({ idempotencyKey }) => idempotencyKey === 'fix');
    expect(fix?.metadata).toEqual({
      reason: 'counted wrong',
      actor: expect.stringMatching(/^erased:/),
    });
    expect(entries[0]?.kind).toBe('erasure');
  });

  it('is erased once: repeating finds nothing, and a retry of their spend still replays', async () => {
    const { db } = database;
    const { userId, team } = await ada();
    await erasePerson(db, { userId });
    const entries = await listEntries(db, { accountId: userId, limit: 50 });
    const again = await erasePerson(db, { userId });
    expect(Object.values(again.erased)).toEqual(Object.values(again.erased).map(() => 0));
    expect(again.kept.length).toBeGreaterThan(0);
    expect(await listEntries(db, { accountId: userId, limit: 50 })).toEqual(entries);
    const gift = { accountId: userId, amount: 10, idempotencyKey: 'welcome', source: 'bonus' };
    const replay = issueGrant(db, { ...gift, metadata: { reason: `for ${SECRET}`, note: SECRET } });
    expect(await replay).toMatchObject({ replayed: true });
    await expect(issueGrant(db, { ...gift, metadata: { reason: 'other' } })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
    const own = { accountId: userId, metadata: { file: SECRET } };
    const scan = { ...own, idempotencyKey: 'scan', amount: 5, actor: SECRET };
    expect(await spend(db, scan)).toMatchObject({ replayed: true });
    const hold = placeHold(db, { ...own, amount: 3, idempotencyKey: 'hold' });
    expect(await hold).toMatchObject({ replayed: true });
    const used = { accountId: team, actor: userId, feature: 'scan', metadata: { file: SECRET } };
    const job = { ...used, amount: 7, idempotencyKey: 'team:1' };
    const others = [scan, { ...scan, actor: 'bob' }, { ...job, metadata: { file: 'other' } }];
    expect((await spendBatch(db, [job, ...others])).map(({ status }) => status)).toEqual([
      'replayed',
      'replayed',
      'idempotency_key_reused',
      'idempotency_key_reused',
    ]);
  });

  it('cannot be used to forge: whatever is put in place of erased words is found', async () => {
    const { db } = database;
    const { userId, team } = await ada();
    await erasePerson(db, { userId });
    // What the grant's words hash to, so that the digest of the forgery is right.
    const [given] = await db.query<{ digest: string }>(
      `select encode(sha256(convert_to(metadata::text, 'UTF8')), 'hex') as digest from credits.entries
        where account_id = $1 and kind = 'grant' and metadata is not null`,
      [team],
    );
    const forgeries = [
      `update credits.entries set metadata = '{"file": "x"}' where account_id = '${team}' and metadata_digest is not null`,
      `update credits.entries set actor = 'bob' where account_id = '${team}' and actor_digest is not null`,
      `update credits.entries set amount = amount - 1 where account_id = '${team}' and actor_digest is not null`,
      `update credits.entries set idempotency_key = idempotency_key || 'x' where account_id = '${team}' and actor_digest is not null`,
      `update credits.entries set metadata_digest = null where account_id = '${userId}' and metadata_digest is not null`,
      // Erased by nobody: the digest is right, and no entry says so.
      `update credits.entries set metadata = null, metadata_digest = '\\x${given?.digest}'
        where account_id = '${team}' and metadata is not null and metadata_digest is null and kind = 'grant'`,
      `update credits.holds set actor = 'bob' where account_id = '${team}'`,
    ];
    const undo = new Error('undo');
    for (const forgery of forgeries) {
      await db
        .transaction(async (tx) => {
          await tx.query('set local role florin_owner');
          const changed = await tx.query(`${forgery} returning 1 as one`);
          expect(changed.length, forgery).toBeGreaterThan(0);
          expect(await verifyLedger(tx), forgery).not.toEqual([]);
          throw undo;
        })
        .catch((error: unknown) => {
          if (error !== undo) {
            throw error;
          }
        });
    }
    expect(await verifyLedger(db)).toEqual([]);
  });

  it('who is the last owner of a team remains its owner, and the answer says so', async () => {
    const { db } = database;
    const [userId, team] = [randomUUID(), randomUUID()];
    await setMember(db, { accountId: team, userId, role: 'owner' });
    const { kept } = await erasePerson(db, { userId });
    expect(kept[0]).toMatchObject({ what: `the membership of account ${team}` });
    expect(kept[0]?.why).toMatch(/owner/);
    expect(await readRole(db, { accountId: team, userId })).toBe('owner');
    await setMember(db, { accountId: team, userId: randomUUID(), role: 'owner' });
    expect((await erasePerson(db, { userId })).erased.memberships).toBe(1);
    await expect(erasePerson(db, { userId: 'ada' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(await everything()).not.toContain(userId);
  });
});
