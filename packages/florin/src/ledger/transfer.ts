import type { Executor, Statement } from '../db/index.ts';
import type { Credits } from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Written, writeTo } from './written.ts';

export type Transfer = {
  /** The account that gives. */
  from: string;
  /** The account that gets them; it is made if it is new. */
  to: string;
  /** Credits above 0. */
  amount: Credits;
  /** Names the intent among the giver's, 1 to 255 characters: `merge:<old>:<new>`. */
  idempotencyKey: string;
  /** Why; both accounts read it. */
  reason: string;
  /** Who moves them. At most 200 characters. */
  actor?: string | undefined;
};

const TRANSFER: Statement = {
  name: 'ledger_transfer',
  text: 'select * from credits.transfer($1, $2, $3, $4, $5, $6)',
};

/**
 * Moves credits that were bought through Stripe, in burn order; each part keeps its expiry, priority, source
 * and purchase, so that a refund finds it where it is. Gifts, trials and what is reserved stay. Answers
 * with the giver's balance. The same key and input again returns the first result with `replayed` true.
 * Throws `insufficient_credits` with what could be moved, `account_closed` (either of them),
 * `idempotency_key_reused`, `idempotency_key_invalid`, `amount_not_allowed`, `invalid_input`.
 */
export async function transfer(db: Executor, request: Transfer): Promise<Written> {
  const { from, to, amount, idempotencyKey, reason, actor } = read(REQUESTS.transfer, request);
  return writeTo(db, TRANSFER, [from, to, amount, idempotencyKey, reason, actor ?? null]);
}
