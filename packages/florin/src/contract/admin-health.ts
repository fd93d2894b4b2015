import { z } from 'zod';
import { amount, instant } from './fields.ts';
import type { Operations, Shown } from './operation.ts';
import { OPERATOR_PROBLEMS } from './operator.ts';

const tag = 'Operator';
const callers = ['user', 'server'] as const;

const health = z.object({
  database: z.enum(['ok', 'unavailable']),
  stripe: z.enum(['ok', 'unavailable', 'unknown']),
  events: z.object({
    received: z.int(),
    processed: z.int(),
    skipped: z.int(),
    failed: z.int(),
    dead: z.int(),
  }),
  needingAttention: z.int(),
  /** When the event that has waited longest came in. */
  oldestWaitingAt: instant.nullable(),
  /** How late the most overdue attempt is; above a minute nobody works the inbox off. */
  lagSeconds: z.number(),
  reconcile: z.object({
    /** Faults that are known and not seen mended; null before the first run. */
    found: z.int().nullable(),
    scheduledAt: instant.nullable(),
    error: z.string().nullable(),
  }),
  /** Null where the ledger is too large to be proven for a page. */
  ledgerFaults: z.int().nullable(),
  accounts: z.int(),
  version: z.string(),
});
/** The state of the database, of Stripe, of the inbox and of the ledger. */
export interface AdminHealth extends Shown<typeof health> {}

const finding = z.object({
  kind: z.string(),
  /** Names the same fault in every run. */
  subject: z.string(),
  accountId: z.string().nullable(),
  ids: z.record(z.string(), z.string()),
  /** Missing (above 0) or too many (below 0); null where that is not known. */
  credits: amount.nullable(),
  explanation: z.string(),
  remedy: z.string(),
  /** False: a person has to act. */
  repairable: z.boolean(),
});
/** A fault that a comparison of Stripe with the ledger found. */
export interface AdminFinding extends Shown<typeof finding> {}

const run = z.object({
  runId: z.string(),
  kind: z.enum(['hourly', 'daily', 'by_hand']),
  /** lost: its process was stopped before it ended. */
  state: z.enum(['running', 'done', 'failed', 'lost']),
  sinceDays: z.int(),
  startedBy: z.string().nullable(),
  startedAt: instant,
  finishedAt: instant.nullable(),
  /** How many there were; `findings` holds the first 200. */
  found: z.int().nullable(),
  findings: z.array(finding).nullable(),
  errorCode: z.string().nullable(),
  error: z.string().nullable(),
});
/** One comparison of Stripe with the ledger. */
export interface AdminReconcileRun extends Shown<typeof run> {}

const runs = { 200: { description: 'The newest runs', schema: z.object({ runs: z.array(run) }) } };

/** Stripe keeps events for 30 days. */
const DAYS = { error: 'must be a whole number from 1 to 30, as long as Stripe keeps events' };

/** Whether all is well, as operators see it. */
export const ADMIN_HEALTH = {
  read: {
    method: 'get',
    path: '/api/admin/health',
    summary: 'The state of the database, of Stripe, of the inbox and of the ledger',
    tag,
    callers,
    answers: { 200: { description: 'The figures', schema: health } },
    problems: OPERATOR_PROBLEMS,
  },
  reconcileRuns: {
    method: 'get',
    path: '/api/admin/reconcile',
    summary: 'What the newest hourly, daily and hand-made comparison found',
    tag,
    callers,
    answers: runs,
    problems: OPERATOR_PROBLEMS,
  },
  reconcile: {
    method: 'post',
    path: '/api/admin/reconcile',
    summary: 'Compares Stripe with the ledger now, and repairs nothing',
    tag,
    callers,
    body: z.strictObject({
      /** 30: all that Stripe keeps, and all of the ledger. */
      days: z.int(DAYS).min(1, DAYS).max(30, DAYS),
    }),
    answers: runs,
    problems: {
      ...OPERATOR_PROBLEMS,
      409: 'Another one is under way, or the secret key is of another Stripe account',
      503: 'Stripe does not answer',
    },
  },
} satisfies Operations;
