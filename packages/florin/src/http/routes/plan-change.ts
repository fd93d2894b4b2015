import { type Operation, PLAN_CHANGE } from '../../contract/index.ts';
import {
  changePlan,
  listCurrentPlans,
  type PlanChangeDeps,
  previewPlanChange,
} from '../../plan-change/index.ts';
import { createStripeLookups } from '../../stripe/index.ts';
import { readJson } from '../body.ts';
import { refuseAnonymous } from '../callers.ts';
import type { RequestContext } from '../context.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds a buyer's plans: which they have, and another one, shown before it is agreed to. */
export function addPlanChange(app: App, parts: Parts): void {
  const { callers, checkout, confirmations, logger, webhooks } = parts;
  const depsFor = (c: RequestContext, accountId: string): PlanChangeDeps => {
    const stripe = parts.stripeFor(c, accountId);
    const lookups = createStripeLookups(stripe);
    return { ...checkout, stripe, confirmations, webhooks: { ...webhooks, stripe: lookups } };
  };

  async function buyerOf(c: RequestContext, operation: Operation) {
    const buyer = await callers.buyer(c, operation, 'checkout');
    refuseAnonymous({ kind: 'buyer', ...buyer }, checkout.catalog.checkout.anonymousBuyers);
    const { accountId, email } = buyer;
    return { accountId, email };
  }

  addRoute(app, PLAN_CHANGE.current, async (c) => {
    const { accountId, email } = await callers.buyer(c, PLAN_CHANGE.current);
    const deps = depsFor(c, accountId);
    return { subscriptions: await listCurrentPlans(deps, { accountId, email }) };
  });

  addRoute(app, PLAN_CHANGE.preview, async (c) => {
    const buyer = await buyerOf(c, PLAN_CHANGE.preview);
    const { subscription, ...wanted } = await readJson(c, PLAN_CHANGE.preview.body);
    const deps = depsFor(c, buyer.accountId);
    return previewPlanChange(deps, { ...buyer, ...wanted, subscriptionId: subscription });
  });

  addRoute(app, PLAN_CHANGE.change, async (c) => {
    const buyer = await buyerOf(c, PLAN_CHANGE.change);
    const { accountId } = buyer;
    const { preview } = await readJson(c, PLAN_CHANGE.change.body);
    const done = await changePlan(depsFor(c, accountId), { ...buyer, preview });
    logger.info({ accountId, ...done }, 'a plan was changed');
    return done;
  });
}
