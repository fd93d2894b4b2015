import { z } from '@hono/zod-openapi';
import { FlorinError } from '../../kernel/index.ts';
import {
  dailyUsage,
  readUsage,
  USAGE_GROUPS,
  type UsageGroup,
  type UsageGrouping,
} from '../../ledger/index.ts';
import { readQuery } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { uuidOf } from '../server-calls.ts';
import { accountId, answers, BUYER, OPERATOR } from '../shapes.ts';

const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;
const MAX_DAYS = 366;
const MAX_GROUPS = 10_000;

const day = z.iso.date({ error: 'must be a day such as 2026-11-23' }).optional();
const isGrouping = (name: string): name is UsageGrouping =>
  (USAGE_GROUPS as readonly string[]).includes(name);
const by = z
  .string()
  .transform((text) => [...new Set(text.split(','))])
  .refine((names) => names.every(isGrouping), {
    error: `must name some of ${USAGE_GROUPS.join(', ')}, with commas between them`,
  })
  .transform((names) => names.filter(isGrouping))
  .optional();
const asking = z.object({ from: day, to: day, by });

const query = z.object({
  from: z.string().optional(),
  to: z.string().optional(),
  by: z.string().optional().openapi({
    description: 'Some of `day`, `meter`, `feature`, `actor`, with commas between them',
    example: 'day,meter',
  }),
});
const name = z.string().nullable().optional();
const range = { from: z.string(), to: z.string() };
const usage = z.union([
  z
    .object({
      ...range,
      days: z.array(z.object({ day: z.string(), spent: z.int(), granted: z.int() })),
    })
    .openapi({ description: 'Without `by`: every day of the range, also those without movement' }),
  z
    .object({
      ...range,
      by: z.array(z.enum(USAGE_GROUPS)),
      groups: z.array(
        z.object({
          day: z.string().optional(),
          meter: name,
          feature: name,
          actor: name,
          spent: z.int(),
          quantity: z.string().optional().openapi({
            description: "The meter's units, where it was grouped by meter",
          }),
        }),
      ),
    })
    .openapi({ description: 'With `by`: the groups that used something; null: it was not said' }),
]);
const PROBLEMS = { 400: 'Not a range of days, longer than a year, or too many groups' };

/** What credits were used for. */
export function addUsage(app: App, parts: Parts): void {
  const { callers, rateLimits } = parts;

  addRoute(app, {
    method: 'get',
    path: '/api/usage',
    docs: {
      summary: 'Credits used, by day (UTC), meter, feature and actor; both days included',
      tags: ['Buyer'],
      security: BUYER,
      request: { query },
      responses: answers(
        { description: 'The range', schema: usage },
        { ...PROBLEMS, 401: 'Not signed in' },
      ),
    },
    async handler(c) {
      const buyer = await callers.buyer(c);
      await rateLimits.take('buyer', buyer.accountId);
      return json(await usageOf(c, parts, buyer.accountId));
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/api/admin/accounts/{id}/usage',
    docs: {
      summary: 'What any account used its credits for',
      tags: ['Operator'],
      security: OPERATOR,
      request: { params: z.object({ id: accountId }), query },
      responses: answers(
        { description: 'The range; nothing for an unknown account', schema: usage },
        { ...PROBLEMS, 401: 'Not signed in', 403: 'Not an operator' },
      ),
    },
    async handler(c) {
      await callers.operator(c);
      return json(await usageOf(c, parts, uuidOf(c, 'id')));
    },
  });
}

async function usageOf(c: RequestContext, { webhooks: { db, clock } }: Parts, accountId: string) {
  const { by: grouping, ...asked } = readQuery(c, asking);
  const { from, to } = toRange(asked, clock.now());
  const days = { from: toDay(from), to: toDay(to) };
  if (grouping === undefined) {
    const used = await dailyUsage(db, {
      accountId,
      from: new Date(from),
      to: new Date(to + DAY_MS),
    });
    const byDay = new Map(used.map((one) => [one.day, one]));
    return {
      ...days,
      days: Array.from({ length: (to - from) / DAY_MS + 1 }, (_, index) => {
        const each = toDay(from + index * DAY_MS);
        return byDay.get(each) ?? { day: each, spent: 0, granted: 0 };
      }),
    };
  }
  const limit = MAX_GROUPS + 1;
  const groups = await readUsage(db, { accountId, ...days, by: grouping, limit });
  if (groups.length === limit) {
    throw new FlorinError(
      'invalid_input',
      `by: there are more than ${MAX_GROUPS} groups. Ask for fewer days, or group by less.`,
    );
  }
  return { ...days, by: grouping, groups: groups.map((group) => asAsked(group, grouping)) };
}

/** Only what was grouped by: a null would say that it is unknown. */
function asAsked({ spent, quantity, ...group }: UsageGroup, grouping: readonly UsageGrouping[]) {
  return {
    ...Object.fromEntries(grouping.map((key) => [key, group[key]])),
    spent,
    ...(grouping.includes('meter') ? { quantity } : {}),
  };
}

function toRange(
  asked: { from?: string | undefined; to?: string | undefined },
  now: Date,
): { from: number; to: number } {
  const to = Date.parse(asked.to ?? toDay(now.getTime()));
  const from = asked.from === undefined ? to - (USUAL_DAYS - 1) * DAY_MS : Date.parse(asked.from);
  if (from > to || to - from >= MAX_DAYS * DAY_MS) {
    throw new FlorinError(
      'invalid_input',
      `from, to: must be in order and span at most ${MAX_DAYS} days.`,
    );
  }
  return { from, to };
}

function toDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
