import type { Executor, Statement } from '../db/index.ts';
import { type Credits, HoldNotOpenError } from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Metadata, type Metered, type Written, writeTo } from './written.ts';

export type PlaceHold = {
  accountId: string;
  /** Above 0: the most that the work may need. */
  amount: Credits;
  /** Names the intent, 1 to 255 characters: `scan:<job id>`. Repeat it on every retry. */
  idempotencyKey: string;
  /** Seconds above 0 until the hold ends by itself. Default: 15 minutes. */
  expiresInSeconds?: number;
  /** Who reserves the credits; what is captured is theirs, and counts towards their limits. */
  actor?: string | undefined;
  /** What they are reserved for, likewise. */
  feature?: string | undefined;
  metadata?: Metadata;
};

const PLACE: Statement = {
  name: 'ledger_place_hold',
  text: `select * from credits.place_hold($1, $2, $3, make_interval(secs => $4), $5, $6, $7)`,
};

/**
 * Reserves credits until they are captured, released, or the hold expires; reserved credits do not
 * expire with their grant. The same key and input again returns the first result with `replayed`
 * true, also when that hold has ended since: `readHold` tells. Throws `insufficient_credits` (also for
 * an unknown account), `limit_reached`, `idempotency_key_reused`, `idempotency_key_invalid`, `account_closed`,
 * `amount_not_allowed`, `not_a_member` and `role_too_low` (its actor), and `database_unavailable`: then retry with the same key.
 */
export async function placeHold(
  db: Executor,
  hold: PlaceHold,
): Promise<Written & { readonly holdId: string; readonly expiresAt: Date }> {
  const { accountId, amount, idempotencyKey, expiresInSeconds, metadata, actor, feature } = read(
    REQUESTS.placeHold,
    hold,
  );
  return writeTo(db, PLACE, [
    ...([accountId, amount, idempotencyKey, expiresInSeconds, metadata] as const),
    ...[actor ?? null, feature ?? null],
  ]);
}

/** What a capture does with more than its hold reserves. */
export type Overage = 'refuse' | 'up_to_available' | 'debt';

export type CaptureHold = {
  accountId: string;
  holdId: string;
  /** Above 0. Default: all that is held. */
  amount?: Credits;
  /** Default: `refuse`. */
  overage?: Overage;
  /** Kept in the entry, over what the hold was placed with. A repeat is not compared by it. */
  metadata?: Metadata;
};

export type ExtendHold = {
  accountId: string;
  holdId: string;
  /** Seconds above 0, from now; at most 30 days. */
  expiresInSeconds: number;
  /** Names this extension, 1 to 255 characters. */
  idempotencyKey: string;
};

const CAPTURE: Statement = {
  name: 'ledger_capture_hold',
  text: 'select * from credits.capture_hold($1, $2, $3, $4, $5, p_metadata => $6)',
};

/**
 * Spends all of a hold, or `amount` credits of it, and releases the rest. It takes more than is held only
 * with `overage`: `up_to_available` takes what is available and answers how much was left `uncovered`,
 * `debt` takes all as long as the debt stays within the account's limit (`credits.set_debt_limit`), or
 * within `debtLimit`, the catalogue's, where the account has none. A repeat with the same amount and overage returns the
 * first result with `replayed` true. Throws `hold_not_open` (released, expired or unknown),
 * `amount_not_allowed` (0, or more than is held), `insufficient_credits` (more debt than allowed),
 * `limit_reached` (what it takes beyond the hold) and
 * `idempotency_key_reused` (captured before with another amount or overage).
 */
export async function captureHold(
  db: Executor,
  hold: CaptureHold,
  debtLimit = 0,
): Promise<Written & { readonly captured: Credits; readonly uncovered: Credits }> {
  const { accountId, holdId, amount, overage, metadata } = read(REQUESTS.captureHold, hold);
  return writeTo(db, CAPTURE, [accountId, holdId, amount ?? null, overage, debtLimit, metadata]);
}

const CAPTURE_METERED: Statement = {
  name: 'ledger_capture_metered_hold',
  text: 'select * from credits.capture_hold($1, $2, $3, $4, $5, $6, $7, $8, $9)',
};

/** A capture whose amount, 0 among them, follows from what a meter measured. */
export type MeteredCapture = Omit<CaptureHold, 'amount'> & Metered & { amount: number };

/**
 * A capture that keeps in its entry what was metered. The same meter, quantity and usage again returns the
 * first result, whatever amount the rates would give by now. Otherwise as {@link captureHold}.
 */
export async function captureMetered(
  db: Executor,
  hold: MeteredCapture,
  debtLimit = 0,
): ReturnType<typeof captureHold> {
  const { accountId, holdId, amount, overage, metadata, meter, quantity, pricing } = read(
    REQUESTS.meteredCapture,
    hold,
  );
  return writeTo(db, CAPTURE_METERED, [
    ...([accountId, holdId, amount, overage, debtLimit] as const),
    ...[meter, quantity, pricing, metadata],
  ]);
}

const EXTEND: Statement = {
  name: 'ledger_extend_hold',
  text: 'select * from credits.extend_hold($1, $2, make_interval(secs => $3), $4)',
};

/**
 * Moves the expiry of an open hold to `expiresInSeconds` from now, at most 30 days; never earlier than
 * it was. The same key and input again returns the first balance with `replayed` true, and the expiry
 * as it is now. Throws `hold_not_open`, `idempotency_key_reused`, `idempotency_key_invalid`.
 */
export async function extendHold(
  db: Executor,
  hold: ExtendHold,
): Promise<Written & { readonly holdId: string; readonly expiresAt: Date }> {
  const { accountId, holdId, expiresInSeconds, idempotencyKey } = read(REQUESTS.extendHold, hold);
  return writeTo(db, EXTEND, [accountId, holdId, expiresInSeconds, idempotencyKey]);
}

const RELEASE: Statement = {
  name: 'ledger_release_hold',
  text: 'select * from credits.release_hold($1, $2)',
};

/**
 * Gives a hold back. A repeat, or a release of a hold that has expired, returns the first result with
 * `replayed` true. Throws `hold_not_open` when it was captured, or is unknown.
 */
export async function releaseHold(
  db: Executor,
  hold: { accountId: string; holdId: string },
): Promise<Written> {
  const { accountId, holdId } = read(REQUESTS.hold, hold);
  return writeTo(db, RELEASE, [accountId, holdId]);
}

/** How a hold stands. */
export type Hold = {
  readonly holdId: string;
  /** Credits reserved. */
  readonly amount: Credits;
  readonly status: 'open' | 'captured' | 'released' | 'expired';
  /** Credits charged; 0 unless captured. */
  readonly captured: Credits;
  readonly expiresAt: Date;
};

const READ: Statement = {
  name: 'ledger_read_hold',
  text: 'select * from credits.read_hold($1, $2)',
};

/** The hold as it stands in this instant, however old the last sweep. Throws `hold_not_open` when the account has none of this id. */
export async function readHold(
  db: Executor,
  hold: { accountId: string; holdId: string },
): Promise<Hold> {
  const { accountId, holdId } = read(REQUESTS.hold, hold);
  const [row] = await db.query<Hold | Record<keyof Hold, null>>(READ, [accountId, holdId]);
  if (row === undefined || row.holdId === null) {
    throw new HoldNotOpenError(`The account ${accountId} has no hold ${holdId}.`);
  }
  return row;
}
