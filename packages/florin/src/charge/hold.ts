import { z } from 'zod';
import type { Executor } from '../db/index.ts';
import { check, measured, uuid } from '../kernel/index.ts';
import {
  type CaptureHold,
  captureHold,
  captureMetered,
  type PlaceHold,
  placeHold,
} from '../ledger/index.ts';
import type { Measured } from '../usage/index.ts';
import { type Cost, costOf, firstCost, type Pricer } from './cost.ts';

/** A hold of what a use may cost, instead of an amount. */
export type HoldForUse = Omit<PlaceHold, 'amount'> & Measured;

/** A capture of what was used, instead of an amount. */
export type CaptureOfUse = Omit<CaptureHold, 'amount'> & Measured;

type Placed = Awaited<ReturnType<typeof placeHold>>;
type Captured = Awaited<ReturnType<typeof captureHold>>;

export type ChargedHolds = {
  /**
   * Reserves what a use may cost, by the rate card. The key stands for those credits. Throws what a hold
   * of an amount throws, and what `charge` throws of a use; `amount_not_allowed` for one that costs nothing.
   */
  placeHold(request: HoldForUse): Promise<Placed & Cost>;
  placeHold(request: PlaceHold): Promise<Placed>;
  /**
   * Charges a hold by what was used. Its entry keeps meter, quantity, rate and version, also of a use that
   * costs 0; what `overage` takes above the hold is another entry of the same meter. `credits` is the
   * price: `captured` and `uncovered` together. Repeating with the same use and overage replays, at the
   * price of that day. Throws what a capture of an amount throws, and what `charge` throws of a use.
   */
  captureHold(request: CaptureOfUse): Promise<Captured & Cost>;
  captureHold(request: CaptureHold): Promise<Captured>;
};

const NO_AMOUNT = z.undefined({ error: 'must be left out where a meter is named' }).optional();
const ofUse = z.looseObject(
  { ...measured.shape, amount: NO_AMOUNT },
  { error: 'must be an object' },
);
const capture = ofUse.extend({ accountId: uuid, holdId: uuid });

export function createChargedHolds(given: {
  db: Executor;
  debtLimit: number;
  priceOf: Pricer;
}): ChargedHolds {
  const { db, debtLimit, priceOf } = given;

  async function placeForUse(request: HoldForUse): Promise<Placed & Cost> {
    const { meter: _, quantity: _q, usage: _u, ...hold } = check(ofUse, request);
    const priced = await priceOf(check(measured, request));
    const placing = { ...(hold as unknown as PlaceHold), amount: priced.credits };
    return { ...(await placeHold(db, placing)), ...costOf(priced) };
  }

  async function captureUse(request: CaptureOfUse): Promise<Captured & Cost> {
    const { accountId, holdId, overage, metadata } = check(capture, request) as CaptureOfUse;
    const key = { accountId, idempotencyKey: `florin:capture:${holdId}` };
    const priced = await priceOf(check(measured, request), key);
    const { meter, quantity, credits: amount, pricing } = priced;
    const given = {
      ...(overage === undefined ? {} : { overage }),
      ...(metadata === undefined ? {} : { metadata }),
    };
    const hold = { accountId, holdId, amount, ...given, meter, quantity, pricing };
    const written = await captureMetered(db, hold, debtLimit);
    if (!written.replayed) {
      return { ...written, ...costOf(priced) };
    }
    const credits = written.captured + written.uncovered;
    return { ...written, ...(await firstCost(db, key)), credits };
  }

  return {
    placeHold: ((request: HoldForUse | PlaceHold) =>
      namesMeter(request)
        ? placeForUse(request)
        : placeHold(db, request)) as ChargedHolds['placeHold'],
    captureHold: ((request: CaptureOfUse | CaptureHold) =>
      namesMeter(request)
        ? captureUse(request)
        : captureHold(db, request, debtLimit)) as ChargedHolds['captureHold'],
  };
}

function namesMeter<U extends Measured>(request: U | object): request is U {
  try {
    return (request as Partial<Measured> | null)?.meter !== undefined;
  } catch {
    // What cannot be read is refused by whoever reads the rest.
    return false;
  }
}
