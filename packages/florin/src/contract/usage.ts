import { z } from 'zod';
import { accountId, amount } from './fields.ts';
import type { Operations, Shown } from './operation.ts';
import { OPERATOR_PROBLEMS } from './operator.ts';

const grouping = z.enum(['day', 'meter', 'feature', 'actor']);
const day = z.iso.date({ error: 'must be a day such as 2026-11-23' });
const byDay = z.object({
  from: day,
  to: day,
  days: z.array(z.object({ day, spent: amount, granted: amount })),
});
/** Credits spent and granted on every day of a range, also on those without movement. */
export interface Usage extends Shown<typeof byDay> {}
/** One UTC day, `YYYY-MM-DD`. */
export type UsageDay = Usage['days'][number];

/** Null: the entries do not say. */
const name = z.string().nullable().optional();
const byGroup = z.object({
  from: day,
  to: day,
  by: z.array(grouping),
  groups: z.array(
    z.object({
      day: day.optional(),
      meter: name,
      feature: name,
      actor: name,
      spent: amount,
      quantity: z
        .string()
        .optional()
        .meta({ description: "The meter's units, where it was grouped by meter" }),
    }),
  ),
});

/** Credits spent by any of day, meter, feature and actor; only groups that used something. */
export interface GroupedUsage extends Shown<typeof byGroup> {}
export type UsageGroup = GroupedUsage['groups'][number];
export type UsageGrouping = z.infer<typeof grouping>;

const query = z.object({
  from: day.optional(),
  to: day.optional(),
  by: z
    .string()
    .transform((text) => [...new Set(text.split(','))])
    .pipe(z.array(grouping, { error: 'must name some of day, meter, feature, actor' }))
    .optional()
    .meta({
      type: 'string',
      description: 'Some of `day`, `meter`, `feature`, `actor`, with commas between them',
      example: 'day,meter',
    }),
});
const answers = {
  200: {
    description:
      'Without `by` every day of the range, also those without movement; with it the groups that used something',
    schema: z.union([byDay, byGroup]),
  },
};
const RANGE = 'Not a range of days, longer than a year, or too many groups';

/** What credits were used for. */
export const USAGE = {
  own: {
    method: 'get',
    path: '/api/usage',
    summary:
      'Credits used, by day (UTC), meter, feature and actor; both days included. By actor it takes the role admin',
    tag: 'Buyer',
    callers: ['user'],
    role: 'viewer',
    query,
    answers,
    problems: { 400: RANGE, 401: 'Not signed in' },
  },
  ofAccount: {
    method: 'get',
    path: '/api/admin/accounts/{id}/usage',
    summary: 'What any account used its credits for',
    tag: 'Operator',
    callers: ['user', 'server'],
    params: z.object({ id: accountId }),
    query,
    answers,
    problems: { ...OPERATOR_PROBLEMS, 400: RANGE },
  },
} satisfies Operations;
