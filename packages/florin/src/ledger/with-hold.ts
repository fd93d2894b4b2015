import { z } from 'zod';
import type { Executor } from '../db/index.ts';
import {
  AmountNotAllowedError,
  type Credits,
  check,
  FlorinError,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  isRetryable,
  type Logger,
} from '../kernel/index.ts';
import { readBalance } from './balance.ts';
import { captureHold, placeHold, readHold, releaseHold } from './hold.ts';
import { REQUESTS, read } from './input.ts';

export type HoldRequest = {
  accountId: string;
  /** The most that the work may use, in credits. */
  amount: Credits;
  /**
   * One piece of work's name, 1 to 240 characters: `scan:<job id>`. Repeat it, with the same amount,
   * whenever that work is tried again: however often, it is charged at most once.
   */
  idempotencyKey: string;
  /**
   * Seconds until the reservation ends by itself; give it more than the work's own time limit, since
   * work that outlasts it cannot be charged. Default: 15 minutes.
   */
  expiresInSeconds?: number;
  /** Who works, and in what feature: for limits, and for usage by actor and feature. */
  actor?: string | undefined;
  feature?: string | undefined;
  metadata?: Readonly<Record<string, unknown>>;
};

/** The reservation that the work is given. */
export type OpenHold = {
  readonly holdId: string;
  readonly amount: Credits;
  /** When it ends by itself, by the database's clock: no charge is possible from then on. */
  readonly expiresAt: Date;
  /**
   * What an earlier run under this key was charged, null in all ordinary runs. A number means that the
   * work was done and paid for, and only its answer was lost: give the stored result, or do the work
   * again. It is not charged a second time.
   */
  readonly chargedBefore: Credits | null;
  /** Charges what was used before the work is over; what it returns as `used` then counts no more. */
  capture(used: Credits): Promise<void>;
};

export type HoldOutcome<T> = {
  readonly result: T;
  /** Credits charged for this key. */
  readonly used: Credits;
  readonly available: Credits;
  /** True when an earlier run under this key was charged, and this one was not. */
  readonly replayed: boolean;
};

/** What the work hands back; `used` may be left out when it called `capture`. */
export type HoldWork<T> = { result: T; used?: Credits };

type HoldDeps = {
  readonly db: Executor;
  readonly logger: Logger;
  /** Waits before the attempt with this number, so that a database that restarts is given time. */
  readonly pause: (attempt: number) => Promise<void>;
};

type Reserved = Omit<OpenHold, 'capture'>;
type Ended = { readonly used: number; readonly available: number; readonly replayed: boolean };

const REQUEST = z.object({
  work: z.custom<(hold: OpenHold) => unknown>((given) => typeof given === 'function', {
    error: 'must be a function',
  }),
});
const ANSWER = z.object(
  { result: z.unknown().optional(), used: z.unknown().optional() },
  { error: 'The work must return { result, used }.' },
);
const END_ATTEMPTS = 5;
/** Runs of one piece of work that reserved and were not charged; after them its key is used up. */
const MAX_RUNS = 100;

/**
 * Reserves credits, runs `work`, charges what it used (0 is allowed) and gives the rest back. When
 * `work` throws, or says that it used more than was reserved, everything is given back and the error
 * is thrown on.
 *
 * After a crash in between nothing is charged and the reservation ends by itself. A repetition under
 * the same key finds the reservation that is still open; when that has ended uncharged, it reserves
 * anew; when the work was charged, nothing is charged again (`chargedBefore`). Two runs at once share
 * one reservation and one charge.
 *
 * Throws `insufficient_credits`, `account_closed`, `amount_not_allowed`, `invalid_input`,
 * `idempotency_key_reused` (the key with another amount, expiry or metadata) before `work` runs. After it,
 * with nothing charged: `hold_not_open` when it took longer than the reservation, `invalid_input` when it
 * did not return `{ result, used }`. `database_unavailable` before or after it, or `account_busy`: repeat
 * under the same key.
 */
export async function withHold<T>(
  deps: HoldDeps,
  request: HoldRequest,
  work: (hold: OpenHold) => Promise<HoldWork<T>>,
): Promise<HoldOutcome<T>> {
  const { accountId } = read(REQUESTS.placeHold, request);
  check(REQUEST, { work });
  const reserved = await reserve(deps.db, request);
  const { holdId, amount, chargedBefore } = reserved;
  let charged: Promise<Ended> | undefined;
  const charge = (used: unknown) => {
    charged ??=
      chargedBefore === null
        ? end(deps, { accountId, holdId, used: checkUsed(used, amount) })
        : chargedAlready(deps.db, { accountId, used: chargedBefore });
    return charged;
  };
  const capture = async (used: number) => {
    if (charged !== undefined) {
      throw new FlorinError(
        'hold_not_open',
        `The hold ${holdId} was captured by this work before.`,
      );
    }
    await charge(used);
  };
  try {
    const { result, used } = check(ANSWER, await work({ ...reserved, capture }));
    const ended = await (charged ?? charge(used));
    return { result: result as T, ...ended };
  } catch (error) {
    // Once the charge was tried its outcome may be unknown: then only time may end the hold.
    if (charged === undefined && chargedBefore === null) {
      await releaseHold(deps.db, { accountId, holdId }).catch((failure: Error) =>
        deps.logger.warn({ accountId, holdId, error: failure.message }, 'a hold is left to expire'),
      );
    }
    throw error;
  }
}

/** The hold of this piece of work: the one still open, the one that was charged, or a new one. */
async function reserve(db: Executor, request: HoldRequest): Promise<Reserved> {
  const { accountId, amount, idempotencyKey } = request;
  for (let run = 1; run <= MAX_RUNS; run += 1) {
    const key = run === 1 ? idempotencyKey : `${idempotencyKey}~${run}`;
    const placed = await placeHold(db, { ...request, idempotencyKey: key });
    const { holdId, expiresAt } = placed;
    if (!placed.replayed) {
      return { holdId, amount, expiresAt, chargedBefore: null };
    }
    const { status, captured } = await readHold(db, { accountId, holdId });
    if (status === 'open' || status === 'captured') {
      const chargedBefore = status === 'captured' ? captured : null;
      return { holdId, amount, expiresAt, chargedBefore };
    }
  }
  throw new HoldNotOpenError(
    `The work ${idempotencyKey} was tried ${MAX_RUNS} times without being charged. Look into why it fails, then use another key.`,
  );
}

function checkUsed(used: unknown, amount: number): number {
  if (typeof used === 'number' && Number.isSafeInteger(used) && used >= 0 && used <= amount) {
    return used;
  }
  const said = typeof used === 'number' ? String(used) : `${typeof used}, which is no number of`;
  throw new AmountNotAllowedError(
    `The work used ${said} credits; its hold allows a whole number from 0 to ${amount}.`,
    { details: { used, amount } },
  );
}

/** Captures or releases; both may be repeated, so a database that was away is asked again. */
async function end(
  deps: HoldDeps,
  hold: { accountId: string; holdId: string; used: number },
): Promise<Ended> {
  const { accountId, holdId, used } = hold;
  let unsure = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { available, replayed } =
        used === 0
          ? await releaseHold(deps.db, { accountId, holdId })
          : await captureHold(deps.db, { accountId, holdId, amount: used });
      // What an attempt did whose answer was lost is this run's own doing.
      return { used, available, replayed: replayed && used > 0 && !unsure };
    } catch (error) {
      const { status, captured } = await howItEnded(deps.db, { accountId, holdId, error });
      if (status === 'captured') {
        // Another run of the same work was quicker: one piece of work is charged once.
        return chargedAlready(deps.db, { accountId, used: captured });
      }
      if (!isRetryable(error) || attempt === END_ATTEMPTS) {
        throw error;
      }
      unsure = true;
      await deps.pause(attempt);
    }
  }
}

/** How the hold stands, when it was refused because it had ended; otherwise nothing is known. */
async function howItEnded(
  db: Executor,
  hold: { accountId: string; holdId: string; error: unknown },
): Promise<{ status: string; captured: number }> {
  const { error, ...ref } = hold;
  return error instanceof HoldNotOpenError || error instanceof IdempotencyKeyReusedError
    ? readHold(db, ref)
    : { status: 'unknown', captured: 0 };
}

async function chargedAlready(
  db: Executor,
  charge: { accountId: string; used: number },
): Promise<Ended> {
  const { available } = await readBalance(db, charge.accountId);
  return { used: charge.used, available, replayed: true };
}
