import { randomUUID } from 'node:crypto';
import { parseCatalog } from '../../../src/catalog/index.ts';
import {
  type Answer,
  CATALOG,
  openService,
  type ServiceOptions,
  type TestService,
} from '../http/florin-service.ts';

type Prices = Readonly<Record<string, object>>;

/** The shop's plans, with a yearly one that is dripped and one in another currency. */
export const PLANS: Prices = {
  ...CATALOG.prices,
  basic_yearly: {
    credits: 1200,
    reason: 'basic_plan_yearly',
    planType: 'basic',
    kind: 'recurring',
    drip: 'monthly',
  },
  basic_in_euros: { credits: 100, reason: 'basic_plan', planType: 'basic', kind: 'recurring' },
};

export type PlanService = TestService & {
  /** A buyer with a paid plan; who they are, and which subscription it is. */
  subscribed(priceId: string, quantity?: number): Promise<Subscriber>;
  preview(as: string, body: object): Promise<Answer>;
  confirm(as: string, preview: unknown): Promise<Answer>;
  available(accountId: string): Promise<number>;
};

export type Subscriber = { readonly id: string; readonly subscription: string };

export async function openPlanService(
  checkout: object = {},
  options: ServiceOptions = {},
  prices: Prices = PLANS,
): Promise<PlanService> {
  const catalog = parseCatalog({ prices, checkout });
  const service = await openService({ catalog, ...options });
  const { stripe, sandbox } = service;
  const product = await stripe.products.create({ name: 'Basic' });
  const basic = { product: product.id, recurring: { interval: 'month' } } as const;
  await stripe.prices.create({
    ...basic,
    recurring: { interval: 'year' },
    currency: 'usd',
    unit_amount: 12_000,
    lookup_key: 'basic_yearly',
  });
  await stripe.prices.create({
    ...basic,
    currency: 'eur',
    unit_amount: 800,
    lookup_key: 'basic_in_euros',
  });
  const ask = async (path: string, as: string, body: object) => service.ask(path, { as, body });
  return {
    ...service,
    async subscribed(priceId, quantity = 1) {
      const id = randomUUID();
      const { body } = await ask('/api/create-checkout-session', id, { priceId, quantity });
      sandbox.pay(body.sessionId);
      await sandbox.settled();
      const session = await stripe.checkout.sessions.retrieve(body.sessionId);
      return { id, subscription: String(session.subscription) };
    },
    preview: (as, body) => ask('/api/change-plan/preview', as, body),
    confirm: (as, preview) => ask('/api/change-plan', as, { preview }),
    async available(accountId) {
      const { body } = await service.ask(`/api/accounts/${accountId}`, { as: 'server' });
      return body.available ?? body.balance.available;
    },
  };
}
