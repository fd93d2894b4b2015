import { z } from '@hono/zod-openapi';
import { listPlans } from '../../checkout/index.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers } from '../shapes.ts';

const plan = z.object({
  priceId: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  kind: z.enum(['one_time', 'recurring']),
  planType: z.string(),
  credits: z.int(),
  amountMinor: z.int().nullable(),
  currency: z.string().nullable(),
  interval: z.enum(['day', 'week', 'month', 'year']).nullable(),
  intervalCount: z.int().nullable(),
  expiresAfter: z.string().nullable(),
  expires: z.literal('period_end').nullable(),
});

/** What a page needs before anybody has signed in. */
export function addShop(app: App, parts: Parts): void {
  const { addressOf, config, checkout, development, rateLimits } = parts;

  addRoute(app, {
    method: 'get',
    path: '/api/plans',
    docs: {
      summary: 'The catalogue as a shop shows it',
      tags: ['Shop'],
      responses: answers({
        description: "What is on sale, in the catalogue's order",
        schema: z.object({ plans: z.array(plan) }),
      }),
    },
    async handler(c) {
      await rateLimits.take('anyone', addressOf(c));
      return json({ plans: await listPlans(checkout) });
    },
  });

  const site = {
    supabaseUrl: config.supabase.url ?? null,
    supabasePublishableKey: config.supabase.publishableKey ?? null,
    appUrl: config.appUrl,
    development,
  };
  addRoute(app, {
    method: 'get',
    path: '/api/config',
    docs: {
      summary: 'What the pages need to know of this deployment',
      tags: ['Shop'],
      responses: answers({
        description: 'Public settings',
        schema: z.object({
          supabaseUrl: z.string().nullable(),
          supabasePublishableKey: z.string().nullable(),
          appUrl: z.string(),
          development: z.boolean(),
        }),
      }),
    },
    handler: () => json(site),
  });
}
