import type { Executor, Statement } from '../db/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Metadata, type Written, writeTo } from './written.ts';

const ADJUST: Statement = {
  name: 'ledger_adjust',
  text: 'select * from credits.adjust($1, $2, $3, $4, $5, $6)',
};

/**
 * Corrects a balance by hand: a positive amount gives credits that never expire, a negative one takes
 * available ones, and never overdraws. The buyer reads `reason`; `actor` and `internalNote` are for
 * operators. All stay in the entry. The same key and input again returns the first result with `replayed` true. Throws `insufficient_credits`,
 * `amount_not_allowed` (0, or beyond 2^53 - 1), `idempotency_key_reused`, `idempotency_key_invalid`,
 * `account_closed`, `invalid_input` (no reason, no actor).
 */
export async function adjust(
  db: Executor,
  adjustment: {
    accountId: string;
    amount: number;
    idempotencyKey: string;
    reason: string;
    actor: string;
    internalNote?: string | undefined;
  },
): Promise<Written> {
  const {
    accountId,
    amount,
    idempotencyKey,
    reason,
    actor,
    internalNote = null,
  } = read(REQUESTS.adjust, adjustment);
  return writeTo(db, ADJUST, [accountId, amount, idempotencyKey, reason, actor, internalNote]);
}

const CLOSE: Statement = {
  name: 'ledger_close_account',
  text: 'select * from credits.close_account($1, $2, $3)',
};

/**
 * Closes an account: no more grants, spends or new holds; open holds may still end, and money that goes
 * back is still reversed. Its ledger is kept. The same key and metadata again returns the first result
 * with `replayed` true. Throws `account_closed` when it was closed under another key,
 * `idempotency_key_reused`, `idempotency_key_invalid`.
 */
export async function closeAccount(
  db: Executor,
  closing: { accountId: string; idempotencyKey: string; metadata?: Metadata },
): Promise<Written> {
  const { accountId, idempotencyKey, metadata } = read(REQUESTS.closeAccount, closing);
  return writeTo(db, CLOSE, [accountId, idempotencyKey, metadata]);
}
