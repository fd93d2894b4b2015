import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  captureHold,
  issueGrant,
  placeHold,
  reverseGrant,
  spend,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { freshDatabase } from '../../support/postgres.ts';

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
    "subject_seal = '\\x00'",
    "chain = '\\x00'",
  ],
  grants: [
    'amount = amount + 1, remaining = remaining + 1',
    "source = 'forged'",
    'priority = priority + 1',
    "effective_at = effective_at - interval '1 us'",
    "expires_at = 'infinity'",
    "created_at = created_at - interval '1 us'",
    "idempotency_key = idempotency_key || 'x'",
    'metadata = \'{"forged": true}\'',
    'reversed = reversed + 1, burned = burned - 1',
  ],
  holds: [
    'amount = amount + 1',
    'axis_from = axis_from + 1',
    "expires_at = expires_at + interval '1 us'",
    "status = 'released'",
    'captured = captured - 1',
    'ended_no = ended_no + 1',
    'metadata = \'{"forged": true}\'',
  ],
  charges: ['axis_to = axis_to + 1', 'grant_id = gen_random_uuid()', 'displaced_from = grant_id'],
};

describe('edits behind the ledger', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  it('finds an edit of any ledger table made by a superuser', async () => {
    const accountId = randomUUID();
    const { db } = database;
    const grant = { accountId, amount: 100, source: 'purchase' };
    await issueGrant(db, { ...grant, idempotencyKey: 'one' });
    const { grantId } = await issueGrant(db, { ...grant, idempotencyKey: 'two' });
    const { holdId } = await placeHold(db, { accountId, amount: 30, idempotencyKey: 'hold' });
    await spend(db, { accountId, amount: 90, idempotencyKey: 'spend' });
    await captureHold(db, { accountId, holdId, amount: 20 });
    await reverseGrant(db, { accountId, grantId, amount: 50, idempotencyKey: 'refund' });
    expect(await verifyLedger(db, accountId)).toEqual([]);

    const unseen: string[] = [];
    for (const [table, edits] of Object.entries(EDITS)) {
      for (const edit of [...edits, undefined]) {
        const statement =
          edit === undefined
            ? `delete from credits.${table} where ctid = (select max(ctid) from credits.${table})`
            : `update credits.${table} set ${edit} where ctid = (select max(ctid) from credits.${table})`;
        const undo = new Error('undo');
        await db
          .transaction(async (tx) => {
            await tx.query('set local role florin_owner');
            await tx.query(statement);
            if ((await verifyLedger(tx)).length === 0) {
              unseen.push(statement);
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
  });
});
