import { expireDue } from '../ledger/index.ts';
import { keepFirstAccount, reconcile } from '../reconcile/index.ts';
import type { StripeClient } from '../stripe/index.ts';
import { runTopUps } from '../top-up/index.ts';
import { drainInbox, forgetExpired, grantDueDrips, type WebhookDeps } from '../webhooks/index.ts';
import { type Job, type RunningJob, startJob } from './schedule.ts';

export type { Job, RunningJob } from './schedule.ts';

const DRAIN_EVERY_MS = 2_000;
const EXPIRE_EVERY_MS = 30_000;
const DRIP_EVERY_MS = 60_000;
const TOP_UP_EVERY_MS = 5_000;
const RECONCILE_EVERY_MS = 3_600_000;
/** Younger than this may still be on its way from Stripe. */
const RECONCILE_GRACE_SECONDS = 900;
/** Each hour the last day, once a day all that Stripe keeps and all of the ledger. */
const RECONCILE_WHOLE_EVERY = 24;
const FORGET_EVERY_MS = 600_000;
const BATCH = 100;
const EXPIRE_BATCH = 1_000;

/**
 * What a service does beside answering requests: works off events that wait for another attempt,
 * writes down what has expired, grants the parts of yearly plans that fall due, forgets used plan
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
      name: 'forget',
      everyMs: FORGET_EVERY_MS,
      run: async () => (await forgetExpired(deps.db, EXPIRE_BATCH)) >= EXPIRE_BATCH,
    },
  ];
}

/**
 * Compares Stripe with the ledger and logs what it finds; repairs nothing. The first time an hour
 * after the start; at the start of empty books it notes whose they are.
 */
export function reconcileJob(deps: WebhookDeps, client: StripeClient): Job {
  let run = 0;
  return {
    name: 'reconcile',
    everyMs: RECONCILE_EVERY_MS,
    run: async () => {
      run += 1;
      if (run === 1) {
        await keepFirstAccount({ ...deps, client });
        return false;
      }
      const whole = run % RECONCILE_WHOLE_EVERY === 0;
      const { findings } = await reconcile(
        { ...deps, client },
        {
          graceSeconds: RECONCILE_GRACE_SECONDS,
          ...(whole ? {} : { sinceDays: 1, windowOnly: true }),
        },
      );
      for (const { kind, ids, accountId, credits, explanation } of findings) {
        deps.logger.error(
          { kind, ...ids, accountId, credits, explanation },
          'reconcile found a fault',
        );
      }
      deps.logger.info({ findings: findings.length }, 'reconciled with stripe');
      return false;
    },
  };
}

/** Buys credits for accounts that are low and whose buyer agreed to it. */
export function topUpJob(deps: WebhookDeps, stripe: StripeClient): Job {
  return {
    name: 'top-up',
    everyMs: TOP_UP_EVERY_MS,
    run: () => runTopUps({ ...deps, stripe }, BATCH),
  };
}

/** Starts all of {@link backgroundJobs}; `stop` waits for what is under way. */
export function startJobs(deps: WebhookDeps, client?: StripeClient): RunningJob {
  const around = { logger: deps.logger, random: deps.random ?? Math.random };
  const jobs = [
    ...backgroundJobs(deps),
    ...(client === undefined ? [] : [topUpJob(deps, client), reconcileJob(deps, client)]),
  ];
  const running = jobs.map((job) => startJob(job, around));
  return {
    async stop() {
      await Promise.all(running.map((job) => job.stop()));
    },
  };
}
