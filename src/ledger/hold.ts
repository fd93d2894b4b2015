import type { Executor, Statement } from '../db/index.ts';
import { callOne, type Metadata, type Written } from './written.ts';

export type PlaceHold = {
  accountId: string;
  /** Whole credits above 0: the most that the work may need. */
  amount: number;
  idempotencyKey: string;
  /** Default: 15 minutes. */
  expiresInSeconds?: number;
  metadata?: Metadata;
};

const DEFAULT_EXPIRY_SECONDS = 15 * 60;

const PLACE: Statement = {
  name: 'ledger_place_hold',
  text: `select * from credits.place_hold($1, $2, $3, make_interval(secs => $4), $5)`,
};

/**
 * Reserves credits until they are captured, released, or the hold expires; reserved credits do not
 * expire with their grant. Throws `insufficient_credits`, `idempotency_key_reused`, `account_closed`.
 */
export async function placeHold(
  db: Executor,
  hold: PlaceHold,
): Promise<Written & { readonly holdId: string; readonly expiresAt: Date }> {
  return callOne(db, PLACE, [
    hold.accountId,
    hold.amount,
    hold.idempotencyKey,
    hold.expiresInSeconds ?? DEFAULT_EXPIRY_SECONDS,
    hold.metadata ?? {},
  ]);
}

const CAPTURE: Statement = {
  name: 'ledger_capture_hold',
  text: 'select * from credits.capture_hold($1, $2, $3)',
};

/**
 * Spends all of a hold, or `amount` of it, and releases the rest. A repeat with the same amount
 * returns the first result. Throws `hold_not_open`, `amount_not_allowed`, `idempotency_key_reused`.
 */
export async function captureHold(
  db: Executor,
  hold: { accountId: string; holdId: string; amount?: number },
): Promise<Written & { readonly captured: number }> {
  return callOne(db, CAPTURE, [hold.accountId, hold.holdId, hold.amount ?? null]);
}

const RELEASE: Statement = {
  name: 'ledger_release_hold',
  text: 'select * from credits.release_hold($1, $2)',
};

/** Gives a hold back; a repeat returns the first result. Throws `hold_not_open` once it was captured. */
export async function releaseHold(
  db: Executor,
  hold: { accountId: string; holdId: string },
): Promise<Written> {
  return callOne(db, RELEASE, [hold.accountId, hold.holdId]);
}
