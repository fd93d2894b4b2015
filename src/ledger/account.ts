import type { Executor, Statement } from '../db/index.ts';
import { callOne, type Metadata, type Written } from './written.ts';

const ADJUST: Statement = {
  name: 'ledger_adjust',
  text: 'select * from credits.adjust($1, $2, $3, $4, $5)',
};

/**
 * Corrects a balance by hand: a positive amount gives credits, a negative one takes available ones.
 * `reason` and `actor` stay in the entry. Throws `insufficient_credits`, `idempotency_key_reused`.
 */
export async function adjust(
  db: Executor,
  adjustment: {
    accountId: string;
    amount: number;
    idempotencyKey: string;
    reason: string;
    actor: string;
  },
): Promise<Written> {
  const { accountId, amount, idempotencyKey, reason, actor } = adjustment;
  return callOne(db, ADJUST, [accountId, amount, idempotencyKey, reason, actor]);
}

const CLOSE: Statement = {
  name: 'ledger_close_account',
  text: 'select * from credits.close_account($1, $2, $3)',
};

/** Closes an account; its ledger is kept. Throws `account_closed` when it was closed before. */
export async function closeAccount(
  db: Executor,
  closing: { accountId: string; idempotencyKey: string; metadata?: Metadata },
): Promise<Written> {
  return callOne(db, CLOSE, [closing.accountId, closing.idempotencyKey, closing.metadata ?? {}]);
}
