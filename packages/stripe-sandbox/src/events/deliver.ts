import type { Delivery } from '../store/records.ts';
import type { World } from '../world.ts';
import { type Addressed, addressedTo } from './body.ts';
import { deliveryTime } from './emit.ts';
import { signatureHeader } from './sign.ts';

/** Sends what is due to the webhook endpoints, in the background, and repeats until a 2xx. */
export type Deliverer = {
  start(): void;
  /** Stops sending; what is in flight is waited for. */
  stop(): Promise<void>;
  /** Resolves when each delivery has been tried and nothing is in flight or due now. */
  settled(): Promise<void>;
  /** Everything that waits is due now: repeats too. */
  retryNow(): void;
};

const LONGEST_SLEEP_MS = 1_000;
const REORDER_WINDOW_MS = 200;
/** A stream without a pause is let go in parts this long. */
const REORDER_LONGEST_MS = 1_000;

export function createDeliverer(world: World): Deliverer {
  const flying = new Map<string, Promise<void>>();
  let waiters: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let running = false;

  const wake = (afterMs = 0) => {
    if (!running) {
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(pump, Math.min(afterMs, LONGEST_SLEEP_MS));
    timer.unref();
  };

  /** Those that may go now, read anew when the last of them has gone. */
  let queue: Delivery[] = [];

  const refill = (now: number) => {
    const waiting = world.store
      .where('delivery', 'status', 'pending')
      .filter((delivery) => !flying.has(delivery.id));
    queue = dueNow(world, waiting, now);
    if (queue.length === 0 && flying.size === 0) {
      const later = waiting.map((delivery) => dueAt(world, delivery)).filter((at) => at > now);
      const next = Math.min(...later);
      if (waiting.every((delivery) => delivery.attempts > 0)) {
        release();
      }
      if (Number.isFinite(next)) {
        wake(Math.max(1, next - now));
      }
    }
  };

  const pump = () => {
    const limit = world.faults.reorder ? 1 : world.settings.concurrentDeliveries;
    if (flying.size >= limit) {
      return;
    }
    if (queue.length === 0) {
      refill(deliveryTime(world));
    }
    while (running && flying.size < limit) {
      const delivery = queue.shift();
      if (delivery === undefined) {
        break;
      }
      if (world.store.get('delivery', delivery.id)?.status === 'pending') {
        fly(delivery);
      }
    }
  };

  const fly = (delivery: Delivery) => {
    const flight = attempt(world, delivery).finally(() => {
      flying.delete(delivery.id);
      pump();
    });
    flying.set(delivery.id, flight);
  };

  const release = () => {
    const resolved = waiters;
    waiters = [];
    for (const resolve of resolved) {
      resolve();
    }
  };

  world.store.onCommit(() => wake());
  return {
    start() {
      running = true;
      wake();
    },
    async stop() {
      running = false;
      clearTimeout(timer);
      await Promise.all(flying.values());
      release();
    },
    settled() {
      if (!running) {
        return Promise.resolve();
      }
      const settled = new Promise<void>((resolve) => waiters.push(resolve));
      wake();
      return settled;
    },
    retryNow() {
      world.store.commit(() => {
        for (const delivery of world.store.where('delivery', 'status', 'pending')) {
          world.store.put('delivery', { ...delivery, nextAttemptAt: deliveryTime(world) });
        }
      });
    },
  };
}

/** When a delivery may go, with the faults that hold it back. */
function dueAt(world: World, delivery: Delivery): number {
  const { delayMs, reorder } = world.faults;
  const held = delivery.attempts > 0 ? 0 : Math.max(delayMs, reorder ? REORDER_WINDOW_MS : 0);
  return delivery.nextAttemptAt + held;
}

function dueNow(world: World, waiting: readonly Delivery[], now: number): Delivery[] {
  const due = waiting.filter((delivery) => dueAt(world, delivery) <= now);
  if (!world.faults.reorder) {
    return due;
  }
  // What was told together goes together, or the first of it would go before the rest is due.
  const overdue = Math.max(...due.map((delivery) => now - dueAt(world, delivery)));
  const isWhole = waiting.every(
    ({ attempts, id }) => attempts > 0 || due.some((one) => one.id === id),
  );
  return isWhole || overdue > REORDER_LONGEST_MS ? due.reverse() : [];
}

async function attempt(world: World, delivery: Delivery): Promise<void> {
  const addressed = addressedTo(world, delivery);
  if (addressed === undefined || isDropped(world, addressed.type)) {
    world.store.commit(() => world.store.put('delivery', { ...delivery, status: 'dropped' }));
    return;
  }
  const copies = Array.from({ length: 1 + world.faults.duplicates }, () =>
    world.faults.down
      ? Promise.resolve({ status: null, error: 'The endpoint is switched off.' })
      : send(world, addressed),
  );
  const [result = { status: null, error: 'nothing was sent' }] = await Promise.all(copies);
  world.store.commit(() => record(world, delivery, result));
}

function isDropped(world: World, type: string): boolean {
  if (world.faults.dropTypes.includes(type)) {
    return true;
  }
  if (world.faults.dropNext > 0) {
    world.faults.dropNext -= 1;
    return true;
  }
  return false;
}

type Result = { status: number | null; error: string | null };

async function send(world: World, { url, secret, body }: Addressed): Promise<Result> {
  const seconds = Math.floor(world.wall.now().getTime() / 1000);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'stripe-signature': signatureHeader(body, { secrets: [secret], seconds }),
        'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks; stripe-sandbox)',
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(world.settings.deliveryTimeoutMs),
    });
    await response.arrayBuffer();
    return { status: response.status, error: null };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return { status: null, error: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** A 2xx ends it; anything else is repeated after the next gap, until there is none. */
function record(world: World, before: Delivery, result: Result): void {
  const delivered = result.status !== null && result.status >= 200 && result.status < 300;
  const attempts = before.attempts + 1;
  const gap = world.settings.retryGaps[attempts - 1];
  const status = delivered ? 'delivered' : gap === undefined ? 'given_up' : 'pending';
  world.store.put('delivery', {
    ...before,
    attempts,
    status,
    lastStatus: result.status,
    lastError: result.error,
    nextAttemptAt:
      status === 'pending' ? deliveryTime(world) + (gap ?? 0) * 1000 : before.nextAttemptAt,
  });
  if (!delivered) {
    world.logger.debug(
      { event: before.event, attempts, status: result.status, error: result.error },
      'delivery failed',
    );
  }
}
