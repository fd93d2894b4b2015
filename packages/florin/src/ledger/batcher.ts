import type { Executor } from '../db/index.ts';
import {
  AccountClosedError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  isRetryable,
} from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';
import { type BatchResult, type Spend, spend, spendBatch } from './spend.ts';
import type { Written } from './written.ts';

type Waiting = {
  readonly request: Spend;
  readonly resolve: (written: Written) => void;
  readonly reject: (error: unknown) => void;
};

/** The most spends in one call: larger ones gain little and hold the account's row longer. */
const MAX_BATCH = 200;

/**
 * A `spend` for hot accounts. While one call for an account is under way, further spends of the same
 * account wait and then go together as one batch: one commit instead of one each. An account that
 * nobody else is spending from is not delayed. Spends with metadata, an actor or a feature go alone. When a batch as a
 * whole is refused, each of its spends is tried by itself and gets its own error; when the account or
 * the database is too busy, so it would be for each.
 */
export function createSpendBatcher(db: Executor): (request: Spend) => Promise<Written> {
  const queues = new Map<string, Waiting[]>();

  async function drain(accountId: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_BATCH);
      await (batch.length === 1 ? alone(db, batch) : together(db, batch));
    }
    queues.delete(accountId);
  }

  return (given) =>
    // No async function: callers whose spends went together come back before the next batch is made up.
    new Promise<Written>((resolve, reject) => {
      // Checked before it joins others: what is wrong with one must not refuse a whole batch.
      const request = read(REQUESTS.spend, given);
      if (saysMore(request)) {
        spend(db, request).then(resolve, reject);
        return;
      }
      const waiting = { request, resolve, reject };
      const queue = queues.get(request.accountId);
      if (queue === undefined) {
        const fresh = [waiting];
        queues.set(request.accountId, fresh);
        void drain(request.accountId, fresh);
      } else {
        queue.push(waiting);
      }
    });
}

function saysMore({ metadata = {}, actor, feature }: Spend): boolean {
  return Object.keys(metadata).length > 0 || actor !== undefined || feature !== undefined;
}

async function alone(db: Executor, batch: readonly Waiting[]): Promise<void> {
  await Promise.all(
    batch.map(({ request, resolve, reject }) => spend(db, request).then(resolve, reject)),
  );
}

async function together(db: Executor, batch: readonly Waiting[]): Promise<void> {
  let results: BatchResult[];
  try {
    results = await spendBatch(
      db,
      batch.map((waiting) => waiting.request),
    );
  } catch (error) {
    if (isRetryable(error)) {
      for (const { reject } of batch) {
        reject(error);
      }
    } else {
      await alone(db, batch);
    }
    return;
  }
  for (const [index, waiting] of batch.entries()) {
    const result = results[index];
    if (result?.status === 'limit_reached') {
      // By itself it is told which limit.
      spend(db, waiting.request).then(waiting.resolve, waiting.reject);
    } else if (result !== undefined) {
      settle(waiting, result);
    }
  }
}

function settle({ request, resolve, reject }: Waiting, result: BatchResult): void {
  const { status, entryId, posted, held, available } = result;
  if (status === 'insufficient_credits') {
    reject(new InsufficientCreditsError({ available, required: request.amount }));
  } else if (status === 'account_closed') {
    reject(new AccountClosedError(`The account ${request.accountId} is closed.`));
  } else if (status === 'idempotency_key_reused' || entryId === null) {
    reject(
      new IdempotencyKeyReusedError(
        `The idempotency key ${request.idempotencyKey} was used before with other input.`,
      ),
    );
  } else {
    resolve({ entryId, posted, held, available, replayed: status === 'replayed' });
  }
}
