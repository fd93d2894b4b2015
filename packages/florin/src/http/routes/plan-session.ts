import { forSale } from '../../catalog/index.ts';
import { checkMetadata } from '../../checkout/index.ts';
import { PLAN_SESSION } from '../../contract/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import type { PlanSession } from '../../plan-session/index.ts';
import { readJson } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { cookieHeader, noContent, Reply, withCookies } from '../headers.ts';
import { requireAllowedOrigin } from '../origins.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/**
 * Adds the routes that remember the chosen plan before sign-in: in a cookie for this site, and as a token
 * for a page of another domain, which sends it here in a body. No address that a server sees holds it.
 */
export function addPlanSession(app: App, parts: Parts): void {
  const { addressOf, config, checkout, planCookie, rateLimits } = parts;
  const { planSessions, catalog } = checkout;

  const guard = requireAllowedOrigin(config.allowedOrigins);
  app.use(PLAN_SESSION.choose.path, guard, async (c, next) => {
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
    const body = await readJson(c, PLAN_SESSION.choose.body);
    if ('token' in body) {
      return { token: body.token, session: await planSessions.read(body.token) };
    }
    const { id } = forSale(catalog, body.priceId);
    return planSessions.issue({ priceId: id, metadata: checkMetadata(body.metadata ?? {}) });
  }

  addRoute(app, PLAN_SESSION.choose, async (c) => {
    const { token, session } = await take(c);
    return new Reply({ token, ...show(session) }, { cookies: [planCookie.keep(token)] });
  });

  addRoute(app, PLAN_SESSION.read, async (c) => {
    const token = planCookie.find(cookieHeader(c));
    if (token === undefined) {
      return noContent();
    }
    try {
      return show(await planSessions.read(token));
    } catch (error) {
      const known = error instanceof FlorinError;
      if (known && (error.code === 'plan_session_invalid' || error.code === 'price_unknown')) {
        c.set('cookies', planCookie.forget());
      }
      throw error;
    }
  });

  addRoute(app, PLAN_SESSION.forget, () => withCookies(noContent(), planCookie.forget()));
}
