import { z } from '@hono/zod-openapi';
import { forSale } from '../../catalog/index.ts';
import { checkMetadata } from '../../checkout/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import type { PlanSession } from '../../plan-session/index.ts';
import { readJson } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { cookieHeader, json, noContent, withCookies } from '../headers.ts';
import { requireAllowedOrigin } from '../origins.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, jsonBody, textMetadata } from '../shapes.ts';

const PATH = '/api/plan-session';

const shown = z.object({
  priceId: z.string(),
  planType: z.string(),
  metadata: textMetadata,
  expiresAt: z.string(),
});

const choice = z.strictObject({
  priceId: z.string().min(1).max(200).openapi({ example: 'price_QUICK_SCAN' }),
  metadata: textMetadata.optional(),
});
const handOff = z.strictObject({ token: z.string().min(1) });

/**
 * The chosen plan, before sign-in: a cookie for this site, and a token for a page of another domain,
 * which hands it back here behind its address's `#` and in a body, never in an address.
 */
export function addPlanSession(app: App, parts: Parts): void {
  const { addressOf, config, checkout, planCookie, rateLimits } = parts;
  const { planSessions, catalog } = checkout;

  app.use(PATH, requireAllowedOrigin(config.allowedOrigins), async (c, next) => {
    await rateLimits.take('anyone', addressOf(c));
    await next();
  });

  const show = ({ priceId, metadata, expiresAt }: PlanSession) => ({
    priceId,
    planType: forSale(catalog, priceId).planType,
    metadata,
    expiresAt,
  });

  async function take(c: RequestContext): Promise<{ token: string; session: PlanSession }> {
    const body = await readJson(c, z.union([choice, handOff]));
    if ('token' in body) {
      return { token: body.token, session: await planSessions.read(body.token) };
    }
    const { id } = forSale(catalog, body.priceId);
    return planSessions.issue({ priceId: id, metadata: checkMetadata(body.metadata ?? {}) });
  }

  addRoute(app, {
    method: 'post',
    path: PATH,
    docs: {
      summary: 'Remembers a plan for 15 minutes, or takes over a token from another domain',
      tags: ['Buyer'],
      request: jsonBody(z.union([choice, handOff])),
      responses: answers(
        {
          description: 'The token, and the same in the cookie `plan_session`',
          schema: shown.extend({ token: z.string() }),
        },
        { 400: 'An unknown price or an invalid token', 403: 'The origin may not call' },
      ),
    },
    async handler(c) {
      const { token, session } = await take(c);
      return withCookies(json({ token, ...show(session) }), [planCookie.keep(token)]);
    },
  });

  addRoute(app, {
    method: 'get',
    path: PATH,
    docs: {
      summary: "The remembered plan, verified: the cookie's, or none (204)",
      tags: ['Buyer'],
      responses: {
        ...answers(
          { description: 'The plan', schema: shown },
          { 400: 'The cookie holds no valid plan session; it is removed' },
        ),
        204: { description: 'No plan is remembered' },
      },
    },
    async handler(c) {
      const token = planCookie.find(cookieHeader(c));
      if (token === undefined) {
        return noContent();
      }
      try {
        return json(show(await planSessions.read(token)));
      } catch (error) {
        const known = error instanceof FlorinError;
        if (known && (error.code === 'plan_session_invalid' || error.code === 'price_unknown')) {
          c.set('cookies', planCookie.forget());
        }
        throw error;
      }
    },
  });

  addRoute(app, {
    method: 'delete',
    path: PATH,
    docs: {
      summary: 'Forgets the remembered plan',
      tags: ['Buyer'],
      responses: answers({ status: 204, description: 'Forgotten' }),
    },
    handler: () => withCookies(noContent(), planCookie.forget()),
  });
}
