import { type Operation, TOP_UP } from '../../contract/index.ts';
import {
  consentToTopUp,
  readTopUp,
  resumeTopUp,
  saveCard,
  stopTopUp,
  type TopUpDeps,
} from '../../top-up/index.ts';
import { readJson } from '../body.ts';
import { refuseAnonymous } from '../callers.ts';
import type { RequestContext } from '../context.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds the routes of auto top-up: a buyer's consent, and what was bought under it. */
export function addTopUp(app: App, parts: Parts): void {
  const { callers, checkout, logger } = parts;
  const depsFor = (c: RequestContext, accountId: string): TopUpDeps => ({
    ...checkout,
    stripe: parts.stripeFor(c, accountId),
  });

  const buyerOf = (c: RequestContext, operation: Operation) =>
    callers.buyer(c, operation, operation.method === 'get' ? 'buyer' : 'checkout');

  addRoute(app, TOP_UP.read, async (c) => {
    const { accountId } = await buyerOf(c, TOP_UP.read);
    return readTopUp(checkout, accountId);
  });

  addRoute(app, TOP_UP.agree, async (c) => {
    const buyer = await buyerOf(c, TOP_UP.agree);
    refuseAnonymous({ kind: 'buyer', ...buyer }, checkout.catalog.checkout.anonymousBuyers);
    const { accountId, email } = buyer;
    const { consent: _, ...terms } = await readJson(c, TOP_UP.agree.body);
    await consentToTopUp(depsFor(c, accountId), { ...terms, accountId, email });
    logger.info({ accountId, ...terms }, 'auto top-up was agreed to');
    return readTopUp(checkout, accountId);
  });

  addRoute(app, TOP_UP.stop, async (c) => {
    const { accountId } = await buyerOf(c, TOP_UP.stop);
    await stopTopUp(checkout.db, accountId);
    logger.info({ accountId }, 'auto top-up was turned off');
    return readTopUp(checkout, accountId);
  });

  addRoute(app, TOP_UP.saveCard, async (c) => {
    const { accountId, userId } = await buyerOf(c, TOP_UP.saveCard);
    return saveCard(depsFor(c, accountId), { accountId, userId });
  });

  addRoute(app, TOP_UP.resume, async (c) => {
    const { accountId } = await buyerOf(c, TOP_UP.resume);
    const { sessionId: setupSessionId } = await readJson(c, TOP_UP.resume.body);
    await resumeTopUp(depsFor(c, accountId), { accountId, setupSessionId });
    logger.info({ accountId }, 'auto top-up was resumed');
    return readTopUp(checkout, accountId);
  });
}
