import { setTimeout as wait } from 'node:timers/promises';
import type { Florin } from '../florin.ts';
import {
  backoff,
  type Credits,
  FlorinError,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  isRetryable,
  LimitReachedError,
} from '../kernel/index.ts';
import type { Counted } from './tokens.ts';

/** What a metered model needs of `createFlorin`. */
export type MeteringFlorin = Pick<
  Florin,
  'quote' | 'placeHold' | 'captureHold' | 'extendHold' | 'releaseHold' | 'readHold' | 'charge'
>;

/** One call of a provider: who pays, for what, and by which line of the rate card. */
export type CallRequest = {
  readonly florin: MeteringFlorin;
  readonly accountId: string;
  readonly meter: string;
  readonly model: string;
  /** Names this call. */
  readonly key: string;
  readonly actor?: string | undefined;
  readonly feature?: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly holdSeconds: number;
  readonly overage: 'up_to_available' | 'debt';
};

/** What a call cost. */
export type CallCost = {
  /** The price of what was used. */
  readonly credits: Credits;
  /** What of it the account could not pay, by the policy of `overage`. */
  readonly uncovered: Credits;
  readonly available: Credits;
};

/** A call that can be paid: the provider may be asked. */
export type Call = {
  /** The kinds of units that the rate knows. */
  readonly kinds: ReadonlySet<string>;
  /** Says whether the provider is being waited for: only then is the hold given more time. */
  waiting(now: boolean): void;
  /** Charges what was used, and gives the rest back; all of it when nothing is known of a use. Once. */
  end(used: Counted | undefined): Promise<CallCost | undefined>;
};

/** Runs of one call that reserved and were not charged; after them its key is used up. */
const MAX_RUNS = 100;
const SETTLE_ATTEMPTS = 5;
const PAUSE_MS = { first: 200, max: 5_000 };

/**
 * Reserves what a call may cost. Throws, before a provider is asked, what `quote` and `placeHold` throw
 * (`rate_missing` for a model without a rate, `insufficient_credits`, `limit_reached`), and
 * `idempotency_key_reused` when the call of this key was charged, or another one of it is under way. After
 * a call that was given back or died, the same key may be used again.
 */
export async function openCall(request: CallRequest, estimate: Counted): Promise<Call> {
  const { florin, accountId, meter, model, actor, feature } = request;
  const usage = { model, ...estimate };
  const quoted = await florin.quote({ accountId, meter, usage, actor, feature });
  const kinds = new Set(Object.keys(quoted.rate.kinds ?? {}));
  const hold = Number(quoted.credits) === 0 ? undefined : await reserve(request, usage);
  const keeping = hold === undefined ? undefined : keepOpen(request, hold.holdId);
  let cost: Promise<CallCost | undefined> | undefined;
  return {
    kinds,
    waiting: (now) => keeping?.waiting(now),
    end(used) {
      keeping?.end();
      cost ??=
        used === undefined ? giveBack(request, hold) : charge(request, hold, { model, ...used });
      return cost;
    },
  };
}

type Hold = { readonly holdId: string; readonly key: string };
type Use = { readonly model: string; readonly [kind: string]: number | string };

async function reserve(request: CallRequest, usage: Use): Promise<Hold> {
  const { florin, accountId, meter, key, actor, feature, metadata, holdSeconds } = request;
  for (let run = 1; run <= MAX_RUNS; run += 1) {
    const idempotencyKey = run === 1 ? key : `${key}~${run}`;
    const placed = await florin.placeHold({
      ...{ accountId, meter, usage, idempotencyKey, actor, feature, metadata },
      expiresInSeconds: holdSeconds,
    });
    const { holdId } = placed;
    if (!placed.replayed) {
      return { holdId, key: idempotencyKey };
    }
    const { status, expiresAt } = await florin.readHold({ accountId, holdId });
    if (status === 'captured' || status === 'open') {
      throw inUse(key, status, expiresAt);
    }
  }
  throw new FlorinError(
    'hold_not_open',
    `The call ${key} was made ${MAX_RUNS} times without being charged. Look into why it fails, then use another key.`,
  );
}

function inUse(key: string, status: string, expiresAt: Date): IdempotencyKeyReusedError {
  const why =
    status === 'captured'
      ? 'was charged before. Show its stored answer, or use another key for another answer'
      : `is under way, or its process died: then its hold ends by ${expiresAt.toISOString()}, and the key may be used again`;
  return new IdempotencyKeyReusedError(
    `The call ${key} of this account ${why}. The model was not asked.`,
    { details: { idempotencyKey: key, status, expiresAt } },
  );
}

/**
 * Gives the hold more time again and again, while the provider is waited for. A reader who stops
 * without cancelling keeps nothing reserved.
 */
function keepOpen({ florin, accountId, holdSeconds }: CallRequest, holdId: string) {
  const period = (holdSeconds * 1000) / 2;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  let isWaiting = true;
  let wasWaiting = true;
  let extensions = 0;

  async function extend(): Promise<void> {
    if (!wasWaiting) {
      return;
    }
    wasWaiting = isWaiting;
    extensions += 1;
    try {
      await florin.extendHold({
        ...{ accountId, holdId, expiresInSeconds: holdSeconds },
        idempotencyKey: `${holdId}:extend:${extensions}`,
      });
      arm(period);
    } catch (error) {
      if (isRetryable(error)) {
        arm(period / 4);
      }
    }
  }

  function arm(ms: number): void {
    if (!ended) {
      timer = setTimeout(extend, ms);
      timer.unref();
    }
  }

  arm(period);
  return {
    waiting(now: boolean) {
      isWaiting = now;
      wasWaiting ||= now;
    },
    end() {
      ended = true;
      clearTimeout(timer);
    },
  };
}

async function giveBack({ florin, accountId }: CallRequest, hold: Hold | undefined) {
  if (hold !== undefined) {
    // What cannot be given back now lapses by itself; the caller is told of the call's own failure.
    await florin.releaseHold({ accountId, holdId: hold.holdId }).catch(() => undefined);
  }
  return undefined;
}

async function charge(request: CallRequest, hold: Hold | undefined, usage: Use): Promise<CallCost> {
  const { florin, accountId, meter, actor, feature, metadata, key } = request;
  const outright = (idempotencyKey: string) =>
    repeating(async () => {
      const charged = await florin.charge({
        ...{ accountId, meter, usage, idempotencyKey, actor, feature, metadata },
      });
      return { ...charged, uncovered: 0 };
    });
  if (hold === undefined) {
    return pick(await outright(`${key}:${crypto.randomUUID()}`));
  }
  const capture = (overage: CallRequest['overage']) =>
    repeating(() => florin.captureHold({ accountId, holdId: hold.holdId, meter, usage, overage }));
  try {
    return pick(await capture(request.overage));
  } catch (error) {
    if (error instanceof InsufficientCreditsError || error instanceof LimitReachedError) {
      // More debt than is allowed: then what is there.
      return pick(await capture('up_to_available'));
    }
    if (error instanceof HoldNotOpenError) {
      // It lapsed while the database was away, or nobody read on.
      return pick(await outright(`${hold.key}!late`));
    }
    throw error;
  }
}

function pick({ credits, uncovered, available }: CallCost): CallCost {
  return { credits, uncovered, available };
}

async function repeating<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error) || attempt === SETTLE_ATTEMPTS) {
        throw error;
      }
      await wait(backoff(attempt, PAUSE_MS));
    }
  }
}
