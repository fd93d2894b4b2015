import { setImmediate } from 'node:timers';
import type { Executor } from '../db/index.ts';
import {
  AccountClosedError,
  FlorinError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  isRetryable,
  LimitReachedError,
} from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';
import {
  type CheckedSpend,
  type MeteredSpend,
  type Outcome,
  type Spend,
  spendChecked,
  spendTogether,
} from './spend.ts';
import type { Written } from './written.ts';

/** The spends of a process: those that wait share a call and a commit. */
export type Spender = {
  /**
   * Takes credits, from the grants in burn order. The same key and input again returns the first result
   * with `replayed` true. Throws `insufficient_credits` (also for an unknown account), `limit_reached`,
   * `idempotency_key_reused`, `account_closed`, `amount_not_allowed`, `not_a_member` and `role_too_low` (its
   * actor), `account_busy`, and `database_unavailable` when the ledger is down: then retry with the same key.
   */
  spend(request: Spend): Promise<Written>;
  /**
   * A spend that keeps in its entry what was metered. `amount` may be 0. The same key, meter, quantity and
   * usage again returns the first result, whatever amount the rates would give by now.
   */
  spendMetered(request: MeteredSpend): Promise<Written>;
};

type Waiting = {
  readonly request: CheckedSpend;
  readonly resolve: (written: Written) => void;
  readonly reject: (error: unknown) => void;
};

/** So many calls are under way before spends wait: some work in the database while others' answers are read. */
const MAX_CALLS = 3;
/** The most spends in one call: larger ones gain little and hold their accounts' rows longer. */
const MAX_BATCH = 200;
/** The most spends of one account in a call that waits for its row. */
const MAX_LINE = 1_000;
/** A call that takes more milliseconds no longer counts as under way. */
const PATIENCE_MS = 50;

/**
 * Group commit. A spend goes at once while few calls are under way; what comes meanwhile, of whatever
 * accounts, goes together when one has come back. One call at a time is about an account, so its spends
 * keep their order. A batch waits for no account: those whose row is locked, or of which a grant or hold is
 * due, are answered `busy` and go on by themselves, each with all that waits for it. When a batch is refused
 * as a whole, each account is tried alone, then each spend, so that each gets its own error; when the
 * database is out of reach, so it would be for each. On a cluster, where no statement passes over a locked row, the first batch is refused;
 * from then on a call is about one account, and only spends of the same account wait for each other.
 */
export function createSpender(db: Executor): Spender {
  /** What waits, by account: of those that may go, and of those that a call is about. */
  const ready = new Map<string, Waiting[]>();
  const behind = new Map<string, Waiting[]>();
  let calls = 0;
  let scheduled = false;
  /** Whether accounts share no calls. */
  let apart = false;

  /** Whatever comes in the same turn of the event loop goes together. */
  function schedule(): void {
    if (!scheduled) {
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        while (!apart && calls < MAX_CALLS && ready.size > 0) {
          call(take());
        }
        if (apart) {
          callEach();
        }
      });
    }
  }

  function join(check: () => CheckedSpend): Promise<Written> {
    return new Promise((resolve, reject) => {
      // Checked before it joins others: what is wrong with one must not refuse a whole batch.
      const request = check();
      const { accountId } = request;
      let line = behind.get(accountId) ?? ready.get(accountId);
      if (line === undefined) {
        line = [];
        ready.set(accountId, line);
      }
      line.push({ request, resolve, reject });
      schedule();
    });
  }

  function take(): Waiting[] {
    const batch: Waiting[] = [];
    for (const [accountId, line] of ready) {
      batch.push(...line.splice(0, MAX_BATCH - batch.length));
      ready.delete(accountId);
      behind.set(accountId, line);
      if (batch.length === MAX_BATCH) {
        break;
      }
    }
    return batch;
  }

  /** Each account by itself, however many calls are under way. */
  function callEach(): void {
    for (const [accountId, line] of ready) {
      ready.delete(accountId);
      behind.set(accountId, line);
      void insist(accountId, line.splice(0, 1));
    }
  }

  function call(batch: readonly Waiting[]): void {
    calls += 1;
    let counts = true;
    const leave = () => {
      if (counts) {
        counts = false;
        calls -= 1;
        schedule();
      }
    };
    const timer = setTimeout(leave, PATIENCE_MS);
    const onRefusal = (error: unknown) => {
      apart ||= isOnCluster(error);
    };
    void send(db, batch, { wait: false, onRefusal }).then((left) => {
      clearTimeout(timer);
      for (const accountId of new Set(batch.map(accountOf))) {
        void insist(
          accountId,
          left.filter((waiting) => accountOf(waiting) === accountId),
        );
      }
      leave();
    });
  }

  /** Sends what is left of an account's spends by itself, with what has come for it; then the account may go. */
  async function insist(accountId: string, left: readonly Waiting[]): Promise<void> {
    const line = behind.get(accountId) ?? [];
    if (left.length > 0) {
      const all = [...left, ...line.splice(0, MAX_LINE)];
      for (const one of await send(db, all, { wait: true })) {
        await send(db, [one]);
      }
    }
    behind.delete(accountId);
    if (line.length > 0) {
      ready.set(accountId, line);
      schedule();
    }
  }

  return {
    spend: (given) => join(() => read(REQUESTS.spend, given)),
    spendMetered: (given) => join(() => read(REQUESTS.metered, given)),
  };
}

/** Whether a batch was refused because a cluster passes over no locked account. */
function isOnCluster(error: unknown): boolean {
  return error instanceof FlorinError && error.details?.['sqlstate'] === '0A000';
}

function accountOf({ request }: Waiting): string {
  return request.accountId;
}

/** Answers the spends of one call. Returns those that it did not answer, to be tried in another way. */
async function send(
  db: Executor,
  batch: readonly Waiting[],
  { wait, onRefusal }: { wait: boolean; onRefusal?: (error: unknown) => void } = { wait: false },
): Promise<readonly Waiting[]> {
  const [one] = batch;
  if (one !== undefined && batch.length === 1) {
    await spendChecked(db, one.request).then(one.resolve, one.reject);
    return [];
  }
  try {
    const requests = batch.map(({ request }) => request);
    const outcomes = await spendTogether(db, requests, { wait });
    return batch.filter((waiting, n) => !answer(waiting, outcomes[n] as Outcome));
  } catch (error) {
    if (!isRetryable(error)) {
      onRefusal?.(error);
      return batch;
    }
    for (const { reject } of batch) {
      reject(error);
    }
    return [];
  }
}

/** Whether the outcome is an answer. */
function answer({ request, resolve, reject }: Waiting, outcome: Outcome): boolean {
  const { status, reached, entryId, posted, held, available } = outcome;
  switch (status) {
    case 'spent':
    case 'replayed':
      resolve({ entryId: entryId ?? '', posted, held, available, replayed: status === 'replayed' });
      break;
    case 'insufficient_credits':
      reject(new InsufficientCreditsError({ available, required: request.amount }));
      break;
    case 'limit_reached':
      reject(new LimitReachedError(reached as ConstructorParameters<typeof LimitReachedError>[0]));
      break;
    case 'account_closed':
      reject(new AccountClosedError(`The account ${request.accountId} is closed.`));
      break;
    case 'idempotency_key_reused':
      reject(
        new IdempotencyKeyReusedError(
          `The idempotency key ${request.idempotencyKey} was used before with other input.`,
        ),
      );
      break;
    default:
      // Busy, or its actor was refused: tried alone, where an error of the database says why.
      return false;
  }
  return true;
}
