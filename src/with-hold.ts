import type { Executor } from './db/index.ts';
import {
  AmountNotAllowedError,
  DatabaseUnavailableError,
  FlorinError,
  type Logger,
} from './kernel/index.ts';
import { captureHold, placeHold, releaseHold } from './ledger/index.ts';

export type HoldRequest = {
  accountId: string;
  /** The most that the work may use, in credits. */
  amount: number;
  /** One piece of work's name: repeating a call that was cut off reserves and charges once. */
  idempotencyKey: string;
  /** Seconds until the reservation ends by itself, longer than the work takes. Default: 15 minutes. */
  expiresInSeconds?: number;
  metadata?: Readonly<Record<string, unknown>>;
};

/** The reservation that the work is given. */
export type OpenHold = {
  readonly holdId: string;
  readonly amount: number;
  /** Charges what was used before the work is over; what it returns as `used` then counts no more. */
  capture(used: number): Promise<void>;
};

export type HoldOutcome<T> = {
  readonly result: T;
  /** Credits charged. */
  readonly used: number;
  readonly available: number;
};

/** What the work hands back; `used` may be left out when it called `capture`. */
export type HoldWork<T> = { result: T; used?: number };

type Place = {
  readonly db: Executor;
  readonly logger: Logger;
  /** Waits before the attempt with this number, so that a database that restarts is given time. */
  readonly pause: (attempt: number) => Promise<void>;
};

type Settled = { readonly used: number; readonly available: number };

const SETTLE_ATTEMPTS = 5;

/**
 * Reserves credits, runs `work`, charges what it used and gives the rest back. When `work` throws,
 * or says it used more than was reserved, everything is given back and the error is thrown on.
 * After a crash in between nothing is charged and the reservation ends by itself. Throws
 * `insufficient_credits` before `work` runs.
 */
export async function withHold<T>(
  place: Place,
  request: HoldRequest,
  work: (hold: OpenHold) => Promise<HoldWork<T>>,
): Promise<HoldOutcome<T>> {
  const { accountId, amount } = request;
  const { holdId } = await placeHold(place.db, request);
  let charged: Promise<Settled> | undefined;
  const charge = (used: number) => {
    charged ??= settle(place, { accountId, holdId, used: checkUsed(used, amount) });
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
    const { result, used } = await work({ holdId, amount, capture });
    const settled = await (charged ?? charge(checkUsed(used, amount)));
    return { result, ...settled };
  } catch (error) {
    // Once the charge was tried its outcome may be unknown: then only time may end the hold.
    if (charged === undefined) {
      await releaseHold(place.db, { accountId, holdId }).catch((failure: Error) =>
        place.logger.warn(
          { accountId, holdId, error: failure.message },
          'a hold is left to expire',
        ),
      );
    }
    throw error;
  }
}

function checkUsed(used: number | undefined, amount: number): number {
  if (used === undefined || !Number.isSafeInteger(used) || used < 0 || used > amount) {
    throw new AmountNotAllowedError(
      `The work used ${used} credits; its hold allows a whole number from 0 to ${amount}.`,
      { details: { used, amount } },
    );
  }
  return used;
}

/** Captures or releases; both may be repeated, so a database that was away is asked again. */
async function settle(
  place: Place,
  hold: { accountId: string; holdId: string; used: number },
): Promise<Settled> {
  const { accountId, holdId, used } = hold;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { available } =
        used === 0
          ? await releaseHold(place.db, { accountId, holdId })
          : await captureHold(place.db, { accountId, holdId, amount: used });
      return { used, available };
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || attempt === SETTLE_ATTEMPTS) {
        throw error;
      }
      await place.pause(attempt);
    }
  }
}
