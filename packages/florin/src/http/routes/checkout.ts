import {
  type CheckoutDeps,
  createCheckout,
  createPortalSession,
  readCheckoutStatus,
} from '../../checkout/index.ts';
import { CHECKOUT, type CheckoutBody } from '../../contract/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import { checkRole } from '../acting.ts';
import { readJson, readQuery } from '../body.ts';
import { type Caller, refuseAnonymous } from '../callers.ts';
import type { RequestContext } from '../context.ts';
import { cookieHeader } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { RequestError } from '../request-error.ts';
import { type App, addRoute } from '../route.ts';

/** Adds the routes to Stripe's checkout and portal, and the one that says what became of a checkout. */
export function addCheckout(app: App, parts: Parts): void {
  const { callers, planCookie, rateLimits, catchUpSession, recentSessions, logger, roleOf } = parts;
  const checkoutFor = (c: RequestContext, accountId: string): CheckoutDeps => ({
    ...parts.checkout,
    stripe: parts.stripeFor(c, accountId),
  });

  /** A user buys for the account that they chose; a server says who buys, and may choose an account as well. */
  async function buyerOf(
    c: RequestContext,
    caller: Caller,
    { userId }: CheckoutBody,
  ): Promise<{ accountId: string; userId: string; email?: string | undefined }> {
    if (caller.kind === 'server') {
      if (userId === undefined) {
        throw new FlorinError('invalid_input', 'userId: a server says whose checkout it is.');
      }
      const { accountId = userId } = caller;
      await checkRole(roleOf, { accountId, userId }, CHECKOUT.create.role);
      await rateLimits.take('checkout', userId);
      c.set('accountId', accountId);
      return { accountId, userId };
    }
    if (userId !== undefined && userId !== caller.userId) {
      throw new RequestError('forbidden', 'A checkout is for the signed-in user only.', {
        details: { reason: 'another_user' },
      });
    }
    return { accountId: caller.accountId, userId: caller.userId, email: caller.email };
  }

  addRoute(app, CHECKOUT.create, async (c) => {
    const caller = await callers.buyerOrServer(c, CHECKOUT.create, 'checkout');
    const body = await readJson(c, CHECKOUT.create.body);
    const buyer = await buyerOf(c, caller, body);
    const { accountId } = buyer;
    refuseAnonymous(caller, parts.checkout.catalog.checkout.anonymousBuyers);
    const namesNothing = body.priceId === undefined && body.planSession === undefined;
    const fromCookie =
      namesNothing && caller.kind === 'buyer' ? planCookie.find(cookieHeader(c)) : undefined;
    const { userId: _, planSession = fromCookie, ...rest } = body;
    const deps = checkoutFor(c, accountId);
    const made = await createCheckout(deps, { ...rest, ...buyer, planSession });
    logger.info({ accountId, sessionId: made.sessionId }, 'checkout started');
    return made;
  });

  addRoute(app, CHECKOUT.portal, async (c) => {
    const { accountId, userId, email } = await callers.buyer(c, CHECKOUT.portal, 'checkout');
    const { subscription } = readQuery(c, CHECKOUT.portal.query);
    const deps = checkoutFor(c, accountId);
    return createPortalSession(deps, { accountId, userId, email, subscriptionId: subscription });
  });

  addRoute(app, CHECKOUT.status, async (c) => {
    const { accountId } = await callers.buyer(c, CHECKOUT.status);
    const deps = checkoutFor(c, accountId);
    return readCheckoutStatus(
      { ...deps, catchUp: catchUpSession, recent: recentSessions },
      { accountId, sessionId: c.req.param('id') ?? '' },
    );
  });
}
