import { z } from 'zod';
import { cursor, instant } from './fields.ts';
import type { Operations, Shown } from './operation.ts';
import { OPERATOR_PROBLEMS, uuidText } from './operator.ts';

const tag = 'Operator';
const callers = ['user', 'server'] as const;

const eventStatus = z.enum(['received', 'processed', 'skipped', 'failed', 'dead']);
export type EventStatus = Shown<typeof eventStatus>;

export const adminEvent = z.object({
  eventId: z.string(),
  type: z.string(),
  status: eventStatus,
  /** Somebody has to do something before another attempt can succeed. */
  needsAttention: z.boolean(),
  attempts: z.int(),
  /** What was done, or why nothing was. */
  reason: z.string().nullable(),
  errorCode: z.string().nullable(),
  error: z.string().nullable(),
  accountId: z.string().nullable(),
  customerId: z.string().nullable(),
  objectId: z.string().nullable(),
  apiVersion: z.string().nullable(),
  livemode: z.boolean(),
  createdAt: instant,
  receivedAt: instant,
  processedAt: instant.nullable(),
  nextAttemptAt: instant.nullable(),
  /** Bytes that are kept as they came, since the payload lacks something of them; null: it lacks nothing. */
  keptBytes: z.int().nullable(),
});
/** An event of the inbox. */
export interface AdminEvent extends Shown<typeof adminEvent> {}

const page = z.object({ events: z.array(adminEvent), nextCursor: cursor });
export interface AdminEventPage extends Shown<typeof page> {}

const detail = adminEvent.extend({
  payload: z.unknown(),
  body: z.string().nullable().meta({ description: 'The kept bytes, in base64' }),
});
export interface AdminEventDetail extends Shown<typeof detail> {}

const params = z.object({ id: z.string().meta({ example: 'evt_1QaaF' }) });

/** The inbox, as operators see it. */
export const ADMIN_EVENTS = {
  list: {
    method: 'get',
    path: '/api/admin/events',
    summary: 'The inbox, newest first',
    tag,
    callers,
    query: z.object({
      status: eventStatus.optional(),
      attention: z.enum(['true', 'false']).optional(),
      account: uuidText('must be a uuid').optional(),
      type: z.string().max(100).optional(),
      cursor: z.iso.datetime({ error: 'is not a cursor of this list' }).optional(),
    }),
    answers: { 200: { description: 'A page, and where the next one begins', schema: page } },
    problems: OPERATOR_PROBLEMS,
  },
  show: {
    method: 'get',
    path: '/api/admin/events/{id}',
    summary: 'One event with its payload',
    tag,
    callers,
    params,
    answers: { 200: { description: 'The event', schema: detail } },
    problems: { ...OPERATOR_PROBLEMS, 404: 'There is no such event' },
  },
  replay: {
    method: 'post',
    path: '/api/admin/events/{id}/replay',
    summary: 'Processes an event again; harmless, since a key grants once',
    tag,
    callers,
    params,
    answers: { 200: { description: 'The event, as it is now', schema: adminEvent } },
    problems: { ...OPERATOR_PROBLEMS, 404: 'There is no such event' },
  },
} satisfies Operations;
