import { type AlertDeps, forgetAlerts, tellAlerts } from '../alerts/index.ts';
import { AMOUNT_FIELDS, showFields } from '../credit/index.ts';
import { expireDue, forgetCounters, rollUpUsage } from '../ledger/index.ts';
import { keepFirstAccount, reconcileWhenDue } from '../reconcile/index.ts';
import { loadSdk, type StripeClient } from '../stripe/index.ts';
import { runTopUps } from '../top-up/index.ts';
import { drainInbox, forgetExpired, grantDueDrips, type WebhookDeps } from '../webhooks/index.ts';
import { type JobOutcome, runOnce } from './run.ts';
import { type Job, type RunningJob, startJob } from './schedule.ts';

export type { JobOutcome } from './run.ts';
export type { Job, RunningJob } from './schedule.ts';

const DRAIN_EVERY_MS = 2_000;
const EXPIRE_EVERY_MS = 30_000;
const DRIP_EVERY_MS = 60_000;
const TOP_UP_EVERY_MS = 5_000;
const ALERT_EVERY_MS = 15_000;
/** How often it is asked whether a comparison is due: see reconcileWhenDue. */
const RECONCILE_EVERY_MS = 300_000;
const FORGET_EVERY_MS = 600_000;
const USAGE_EVERY_MS = 60_000;
const BATCH = 100;
const EXPIRE_BATCH = 1_000;
/** Entries added to the days of usage in one transaction. */
const USAGE_BATCH = 20_000;

/**
 * What a service does beside answering requests: works off events that wait for another attempt,
 * writes down what has expired, grants the parts of yearly plans that fall due, adds up usage by day, forgets used plan
 * sessions and checkouts nobody came back to. Any number of
 * services may do it at once; the database hands each piece of work to one.
 */
export function backgroundJobs(deps: WebhookDeps): Job[] {
  return [
    {
      name: 'drain',
      everyMs: DRAIN_EVERY_MS,
      run: async () => (await drainInbox(deps, { limit: BATCH })).claimed >= BATCH,
    },
    {
      name: 'expire',
      everyMs: EXPIRE_EVERY_MS,
      run: async () => (await expireDue(deps.db, EXPIRE_BATCH)) >= EXPIRE_BATCH,
    },
    {
      name: 'drip',
      everyMs: DRIP_EVERY_MS,
      run: async () => (await grantDueDrips(deps, { limit: BATCH })) >= BATCH,
    },
    {
      name: 'usage',
      everyMs: USAGE_EVERY_MS,
      run: async () => (await rollUpUsage(deps.db, USAGE_BATCH)) >= USAGE_BATCH,
    },
    {
      name: 'forget',
      everyMs: FORGET_EVERY_MS,
      run: async () => {
        const expired = await forgetExpired(deps.db, EXPIRE_BATCH);
        const alerts = await forgetAlerts(deps.db, EXPIRE_BATCH);
        const counters = await forgetCounters(deps.db, EXPIRE_BATCH);
        return expired + alerts + counters >= EXPIRE_BATCH;
      },
    },
  ];
}

/**
 * Compares Stripe with the ledger when that is due, and logs what it finds; repairs nothing. The first
 * time some minutes after the start; at the start of empty books it notes whose they are.
 */
export function reconcileJob(deps: WebhookDeps, client: StripeClient): Job {
  let started = false;
  return {
    name: 'reconcile',
    everyMs: RECONCILE_EVERY_MS,
    run: async () => {
      if (started) {
        await compareWhenDue(deps, client);
      } else {
        started = true;
        await keepFirstAccount({ ...deps, client });
      }
      return false;
    },
  };
}

async function compareWhenDue(deps: WebhookDeps, client: StripeClient): Promise<void> {
  const report = await reconcileWhenDue({ ...deps, client });
  if (report === undefined) {
    return;
  }
  const { findings } = report;
  for (const finding of showFields(deps.catalog.credit, AMOUNT_FIELDS, findings)) {
    const { kind, ids, accountId, credits, explanation } = finding;
    deps.logger.error({ kind, ...ids, accountId, credits, explanation }, 'reconcile found a fault');
  }
  deps.logger.info({ findings: findings.length }, 'reconciled with stripe');
}

/** Buys credits for accounts that are low and whose buyer agreed to it. */
export function topUpJob(deps: WebhookDeps, stripe: StripeClient): Job {
  return {
    name: 'top-up',
    everyMs: TOP_UP_EVERY_MS,
    run: () => runTopUps({ ...deps, stripe }, BATCH),
  };
}

/** Tells the app of low balances and of top-ups that wait for their buyer. */
export function alertJob(deps: AlertDeps): Job {
  return { name: 'alert', everyMs: ALERT_EVERY_MS, run: () => tellAlerts(deps, BATCH) };
}

/** What the jobs need beside the inbox's own parts. */
type Background = { client: StripeClient; alerts?: AlertDeps | undefined };

/** Starts all jobs of a process that runs on; `stop` waits for what is under way. */
export function startJobs(deps: WebhookDeps, background: Background): RunningJob {
  const { logger, random = Math.random } = deps;
  // Now, while nobody waits for it: not in the first purchase about which Stripe has to be asked.
  void loadSdk();
  const compare = reconcileJob(deps, background.client);
  const running = allJobs(deps, background, compare).map((job) =>
    startJob(job, { logger, random }),
  );
  return {
    async stop() {
      await Promise.all(running.map((job) => job.stop()));
    },
  };
}

/**
 * All of what {@link startJobs} does, as far as it is due now: for a cron call where nothing runs on.
 * Takes about `forMs` (default 25 s) and at least one round of each job. Any number of instances may
 * call it at once, also through a transaction-mode pooler: no session holds a lock, each piece of work
 * is claimed by one statement. Does not throw: an outcome tells of a job that failed.
 */
export async function runJobs(
  deps: WebhookDeps,
  background: Background,
  { forMs = 25_000 }: { forMs?: number } = {},
): Promise<JobOutcome[]> {
  const compare: Job = {
    name: 'reconcile',
    everyMs: RECONCILE_EVERY_MS,
    run: async () => {
      await compareWhenDue(deps, background.client);
      return false;
    },
  };
  const jobs = allJobs(deps, background, compare);
  return runOnce(jobs, { logger: deps.logger, clock: deps.clock, forMs });
}

/** The comparison last: it may take long, and nothing has to wait for it. */
function allJobs(deps: WebhookDeps, { client, alerts }: Background, compare: Job): Job[] {
  return [
    ...backgroundJobs(deps),
    topUpJob(deps, client),
    ...(alerts === undefined ? [] : [alertJob(alerts)]),
    compare,
  ];
}
