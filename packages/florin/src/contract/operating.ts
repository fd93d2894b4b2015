import { z } from 'zod';
import type { Operations } from './operation.ts';

const tag = 'Operations';

const job = z.object({
  job: z.string(),
  more: z.boolean().meta({ description: 'There is more to do: the next call continues.' }),
  failure: z.string().nullable().meta({ description: 'The code of its error.' }),
});

/** For Stripe, and for whoever keeps the service running. */
export const OPERATING = {
  webhook: {
    method: 'post',
    path: '/api/stripe/webhook',
    summary: "Takes a delivery from Stripe: the raw body with Stripe's signature",
    tag: 'Stripe',
    answers: {
      200: {
        description: 'Stored, processed at once where possible; also for a duplicate',
        schema: z.object({ received: z.literal(true), status: z.string() }),
      },
    },
    problems: {
      400: 'The signature is not accepted',
      413: 'Over 1 MiB',
      503: 'It could not be stored',
    },
  },
  alive: {
    method: 'get',
    path: '/healthz',
    summary: 'The process is alive',
    tag,
    answers: {
      200: {
        description: 'Alive, whatever the database does',
        schema: z.object({ status: z.literal('ok') }),
      },
    },
  },
  ready: {
    method: 'get',
    path: '/readyz',
    summary: 'The ledger answered within the last second: send requests here',
    tag,
    answers: { 200: { description: 'Ready', schema: z.object({ status: z.literal('ready') }) } },
    problems: { 503: 'The database does not answer' },
  },
  metrics: {
    method: 'get',
    path: '/metrics',
    summary: 'Figures for Prometheus, unless METRICS_PORT serves them',
    tag,
    callers: ['server'],
    answers: {
      200: {
        description: 'Counts and durations, without any id',
        schema: z.string(),
        type: 'text/plain',
      },
    },
    problems: { 401: 'Not the server key' },
  },
  runJobs: {
    method: 'post',
    path: '/api/jobs/run',
    summary: 'Runs once whatever is due: call it once a minute where no process runs on',
    tag,
    callers: ['server'],
    answers: {
      200: {
        description:
          'What became of each job. Where one failed the status is that of its error and the body is the same: the others have run, and the next call makes it again',
        schema: z.object({ jobs: z.array(job) }),
      },
    },
    problems: { 401: 'Not the server key' },
  },
} satisfies Operations;
