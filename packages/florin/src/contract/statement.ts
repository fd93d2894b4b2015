import { z } from 'zod';
import { amount, balance, cursor, instant } from './fields.ts';
import type { Operations, Shown } from './operation.ts';

const tag = 'Buyer';
const callers = ['user'] as const;

export const liveGrant = z.object({
  grantId: z.string(),
  source: z.string(),
  reason: z.string().nullable(),
  planType: z.string().nullable(),
  amount,
  remaining: amount,
  effectiveAt: instant,
  expiresAt: instant.nullable(),
});
/** A grant that still has credits. */
export interface LiveGrant extends Shown<typeof liveGrant> {}

const report = balance.extend({ grants: z.array(liveGrant) });
/** The balance with the grants behind it, soonest expiry first. */
export interface BalanceReport extends Shown<typeof report> {}

const allocation = z.object({
  grantId: z.string().nullable(),
  amount,
  reason: z.string().nullable(),
});
/** Which grant paid for (part of) an entry; none: it became debt. */
export interface Allocation extends Shown<typeof allocation> {}

export const transaction = z.object({
  entryId: z.string(),
  entryNo: z.int(),
  kind: z.enum([
    'grant',
    'spend',
    'capture',
    'expiry',
    'void',
    'reversal',
    'adjustment',
    'transfer',
    'schedule',
    'hold',
    'extension',
    'release',
    'close',
    'erasure',
  ]),
  /** Signed credits; 0 for what only reserves, schedules or closes. */
  amount,
  postedAfter: amount,
  grantId: z.string().nullable(),
  holdId: z.string().nullable(),
  reason: z.string().nullable(),
  planType: z.string().nullable(),
  /** Who used the credits, by the app's name: told to admins and owners, and to whoever it was. */
  actor: z.string().nullable(),
  /** In what the credits were used, by the app's name. */
  feature: z.string().nullable(),
  /** Of a charge by the rate card: what was measured, and how much of it as a decimal. */
  meter: z.string().nullable(),
  quantity: z.string().nullable(),
  allocations: z.array(allocation),
  /** Entries of one event of Stripe's belong together, as those of a change of plan; null: none brought it. */
  eventId: z.string().nullable(),
  createdAt: instant,
});
/** One line of the ledger. */
export interface Transaction extends Shown<typeof transaction> {}
/** The last six move no credits: a grant of the future, a hold placed, prolonged or ended, a closing, an erasure. */
export type EntryKind = Transaction['kind'];

const page = z.object({ transactions: z.array(transaction), nextCursor: cursor });
export interface TransactionPage extends Shown<typeof page> {}

/** Of a page: the number of the entry that the last page ended with. */
export const entryCursor = z.object({
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,15}$/, { error: 'is not a cursor of this list' })
    .transform(Number)
    .optional(),
});

/** What a buyer sees of their own account, and of no other. */
export const STATEMENT = {
  balance: {
    method: 'get',
    path: '/api/balance',
    summary: 'The balance, with the grants that still have credits',
    tag,
    callers,
    role: 'viewer',
    answers: { 200: { description: 'The balance', schema: report } },
    problems: { 401: 'Not signed in' },
  },
  transactions: {
    method: 'get',
    path: '/api/transactions',
    summary: 'The ledger of the account, newest first',
    tag,
    callers,
    role: 'viewer',
    query: entryCursor,
    answers: { 200: { description: 'A page, and where the next one begins', schema: page } },
    problems: { 401: 'Not signed in' },
  },
  stream: {
    method: 'get',
    path: '/api/balance/stream',
    summary: 'The balance now and after each change, as server-sent events named `balance`',
    tag,
    callers,
    role: 'viewer',
    answers: {
      200: {
        description: 'A stream that ends when the token does',
        schema: z.string(),
        type: 'text/event-stream',
      },
    },
    problems: { 401: 'Not signed in', 429: 'Too many streams' },
  },
} satisfies Operations;
