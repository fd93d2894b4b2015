import { createRequestLog, type RequestLog } from './api/request-log.ts';
import { type Faults, NO_FAULTS } from './events/faults.ts';
import { type Bytes, bytesOf, newId, withIds } from './ids.ts';
import type { SandboxSettings } from './settings.ts';
import type { PaymentIntent, StripeEvent } from './shapes.ts';
import type { Records, ThinEvent } from './store/records.ts';
import type { Store } from './store/store.ts';
import type { Clock, Logger } from './surroundings.ts';

/** What every part of the sandbox works on: what it knows, and what time it is there. */
export type World = {
  readonly store: Store;
  readonly settings: SandboxSettings;
  readonly logger: Logger;
  /** The real clock, which signs deliveries. */
  readonly wall: Clock;
  /** Whole seconds since 1970 from which the sandbox's time counts: the real time, or a seed's. */
  start(): number;
  /** The bytes that ids are made of where a seed is given. */
  readonly bytes: Bytes | undefined;
  /** The sandbox's time in whole seconds since 1970. */
  now(): number;
  /** Runs `work` while `now()` says `seconds`. */
  at<T>(seconds: number, work: () => T): T;
  /** The address buyers' browsers reach the sandbox at, without a slash at the end. */
  baseUrl(): string;
  /** The request that is being answered, for the events it causes. */
  request: { id: string | null; idempotencyKey: string | null };
  /** What goes wrong with deliveries, changed by the control. */
  readonly faults: Faults;
  /** What was asked lately, and answered. */
  readonly requests: RequestLog;
  /** Told of each event once it is kept: the listeners of the Stripe CLI. */
  readonly told: ((event: StripeEvent | ThinEvent) => void)[];
  /** What hears of payments that were made for it. */
  readonly payees: Payees;
};

/** Hears what became of a payment that was made for the object with this id. */
export type Payee = {
  paid(world: World, id: string, intent: PaymentIntent): void;
  pending(world: World, id: string, intent: PaymentIntent): void;
  failed(world: World, id: string, intent: PaymentIntent): void;
};

export type Payees = { readonly invoice: Payee; readonly session: Payee };

const OFFSET = 'clock_offset_seconds';
/** With a seed time begins here and stands still until it is moved: 2027-01-01, midnight in UTC. */
const SEEDED_START = Date.UTC(2027, 0, 1) / 1000;

export { newId };
export function createWorld(parts: {
  store: Store;
  settings: SandboxSettings;
  logger: Logger;
  wall: Clock;
  baseUrl: () => string;
  payees: Payees;
}): World {
  const frozen: number[] = [];
  const { seed } = parts.settings;
  const bytes = seed === undefined ? undefined : bytesOf(seed);
  const start = () =>
    seed === undefined ? Math.floor(parts.wall.now().getTime() / 1000) : SEEDED_START;
  return {
    ...parts,
    start,
    bytes,
    store: {
      ...parts.store,
      commit: (work) => withIds(bytes, () => parts.store.commit(work)),
    },
    request: { id: null, idempotencyKey: null },
    faults: { ...NO_FAULTS },
    told: [],
    requests: createRequestLog(),
    now() {
      const held = frozen.at(-1);
      if (held !== undefined) {
        return held;
      }
      return start() + readOffset(parts.store);
    },
    at(seconds, work) {
      frozen.push(seconds);
      try {
        return work();
      } finally {
        frozen.pop();
      }
    },
  };
}

/** Seconds that the sandbox's time is ahead of the real one. */
export function readOffset(store: Store): number {
  return Number(store.get('setting', OFFSET)?.value ?? 0);
}

export function writeOffset(store: Store, seconds: number): void {
  store.put('setting', { id: OFFSET, value: seconds });
}

/** Runs `work` in the time of the customer's test clock, when it has one. */
export function inTimeOf<T>(world: World, customerId: string | null | undefined, work: () => T): T {
  const clock = clockOf(world, customerId);
  return clock === undefined ? work() : world.at(clock.frozen_time, work);
}

export function clockOf(
  world: World,
  customerId: string | null | undefined,
): Records['test_clock'] | undefined {
  const customer = customerId == null ? undefined : world.store.get('customer', customerId);
  return customer?.test_clock == null
    ? undefined
    : world.store.get('test_clock', customer.test_clock);
}

/** The next number of a sequence kept with the data: invoice and credit note numbers. */
export function nextNumber(world: World, sequence: string): number {
  const value = (world.store.get('counter', sequence)?.value ?? 0) + 1;
  world.store.put('counter', { id: sequence, value });
  return value;
}
