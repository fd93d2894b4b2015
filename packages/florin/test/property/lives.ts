import fc from 'fast-check';
import Stripe from 'stripe';
import type { Sandbox, SandboxOptions } from 'stripe-sandbox';
import type { Catalog, CatalogPrice } from '../../src/catalog/index.ts';
import { testCatalog } from '../integration/webhooks/catalog.ts';

/** What a credit costs: the same whatever is bought, or less for those who buy more. */
export type Tariff = 'even' | 'steep';

const OFFERS = [
  { id: 'price_SMALL', every: 'month', even: [70, 7], steep: [90, 7] },
  { id: 'price_LARGE', every: 'month', even: [5_000, 500], steep: [4_900, 730] },
  { id: 'price_YEARLY', every: 'year', even: [12_000, 1_200], steep: [9_700, 1_300] },
  { id: 'price_PACK', every: null, even: [500, 50], steep: [500, 61] },
] as const;
const PLANS = OFFERS.filter(({ every }) => every !== null).map(({ id }) => id);

/** Minor units that one credit costs in the tariff `even`. */
export const EVEN_CREDIT = 10;

export function pricesOf(tariff: Tariff): NonNullable<SandboxOptions['prices']> {
  return OFFERS.map(({ id, every, [tariff]: [unitAmount] }) => ({
    id,
    name: id,
    unitAmount,
    ...(every === null ? {} : { recurring: { interval: every } }),
  }));
}

export function catalogOf(tariff: Tariff): Catalog {
  const sold = OFFERS.map(
    ({ id, every, [tariff]: [unitAmount, credits] }): CatalogPrice & { unitAmount: number } => ({
      unitAmount,
      id,
      credits,
      reason: id,
      planType: 'basic',
      kind: every === null ? 'one_time' : 'recurring',
    }),
  );
  // Calls are metered: their price is made in each life, and grants nothing.
  const known: readonly string[] = OFFERS.map(({ id }) => id);
  return { ...testCatalog(sold), ignores: (id) => id !== null && !known.includes(id) };
}

const nth = fc.nat(7);
const plan = fc.constantFrom(...PLANS);
const quantity = fc.integer({ min: 1, max: 3 });
const behavior = fc.constantFrom('always_invoice', 'create_prorations', 'none');
const thirds = fc.integer({ min: 1, max: 3 });

function step<K extends string, T>(what: K, more: { [P in keyof T]: fc.Arbitrary<T[P]> }) {
  return fc.record({ do: fc.constant(what), ...more }) as fc.Arbitrary<{ do: K } & T>;
}

const anyStep = fc.oneof(
  {
    weight: 4,
    arbitrary: step('subscribe', {
      plan,
      quantity,
      trialDays: fc.constantFrom(0, 0, 0, 14),
      byCheckout: fc.boolean(),
      addsPack: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: step('switch', { nth, plan, behavior }) },
  { weight: 3, arbitrary: step('seats', { nth, quantity, behavior }) },
  {
    weight: 3,
    arbitrary: step('cancel', { nth, prorate: fc.boolean(), invoiceNow: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: step('pause', {
      nth,
      pause: fc.constantFrom('keep_as_draft', 'mark_uncollectible', 'void', 'no_more'),
    }),
  },
  { weight: 2, arbitrary: step('pack', { quantity, addsPack: fc.boolean() }) },
  { weight: 2, arbitrary: step('meter', { nth }) },
  { weight: 2, arbitrary: step('use', { calls: fc.integer({ min: 1, max: 900 }) }) },
  { weight: 1, arbitrary: step('topUp', { quantity }) },
  { weight: 3, arbitrary: step('refund', { nth, thirds }) },
  {
    weight: 2,
    arbitrary: step('dispute', { nth, thirds, outcome: fc.constantFrom('won', 'lost', 'open') }),
  },
  {
    weight: 2,
    arbitrary: step('creditNote', {
      nth,
      thirds,
      as: fc.constantFrom('refund_amount', 'credit_amount', 'out_of_band_amount'),
    }),
  },
  { weight: 1, arbitrary: step('card', { pays: fc.boolean() }) },
  { weight: 5, arbitrary: step('wait', { days: fc.integer({ min: 1, max: 40 }) }) },
);
export type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

export const anyLife = fc.record({
  tariff: fc.constantFrom<Tariff>('even', 'steep'),
  apiVersion: fc.constantFrom('2026-10-28.endive', '2020-03-02'),
  /** Whether Stripe says which line a negative one credits; older API versions do not. */
  named: fc.boolean(),
  steps: fc
    .array(anyStep, { minLength: 3, maxLength: 12, size: 'max' })
    .map((steps): Step[] => [FIRST, ...steps]),
  /** Draws the order of deliveries. */
  seed: fc.nat(),
});
export type Life = typeof anyLife extends fc.Arbitrary<infer T> ? T : never;

const FIRST = {
  do: 'subscribe',
  plan: 'price_LARGE',
  quantity: 1,
  trialDays: 0,
  byCheckout: true,
  addsPack: false,
} as const satisfies Step;

/** One customer at Stripe, who does what the steps say. Whatever Stripe refuses did not happen. */
export class Customer {
  readonly id: string;
  readonly #sandbox: Sandbox;
  readonly #stripe: Stripe;
  readonly #subscriptions: string[] = [];
  /** The metered price, once there is one. */
  #calls: Promise<string> | undefined;

  constructor(at: { sandbox: Sandbox; stripe: Stripe }, id: string) {
    this.#sandbox = at.sandbox;
    this.#stripe = at.stripe;
    this.id = id;
  }

  static async of(at: { sandbox: Sandbox; stripe: Stripe }, accountId: string): Promise<Customer> {
    const { id } = await at.stripe.customers.create({ metadata: { userId: accountId } });
    at.sandbox.setCard(id, 'visa');
    return new Customer(at, id);
  }

  /** A second goes by before each step, so that which line is credited is never a matter of taste. */
  async live(step: Step): Promise<void> {
    this.#sandbox.advance({ seconds: 1 });
    try {
      await this.#take(step);
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) {
        throw error;
      }
    }
  }

  async #take(step: Step): Promise<unknown> {
    switch (step.do) {
      case 'subscribe':
        return this.#subscribe(step);
      case 'switch':
        return this.#change(step, { price: step.plan });
      case 'seats':
        return this.#change(step, { quantity: step.quantity });
      case 'cancel':
        return this.#withSubscription(step.nth, (id) =>
          this.#stripe.subscriptions.cancel(id, {
            prorate: step.prorate,
            invoice_now: step.invoiceNow,
          }),
        );
      case 'pause':
        return this.#withSubscription(step.nth, (id) =>
          this.#stripe.subscriptions.update(id, {
            pause_collection: step.pause === 'no_more' ? '' : { behavior: step.pause },
          }),
        );
      case 'pack':
        return this.#buyPack(step);
      case 'meter':
        return this.#withSubscription(step.nth, (id) => this.#meter(id));
      case 'use':
        return this.#use(step.calls);
      case 'topUp':
        return this.#topUp(step.quantity);
      case 'refund':
        return this.#refund(step);
      case 'dispute':
        return this.#dispute(step);
      case 'creditNote':
        return this.#note(step);
      case 'card':
        return this.#sandbox.setCard(this.id, step.pays ? 'visa' : 'chargeDeclined');
      case 'wait':
        return this.#sandbox.advance({ days: step.days });
    }
  }

  async #subscribe(step: Extract<Step, { do: 'subscribe' }>): Promise<void> {
    const trial = step.trialDays === 0 ? {} : { trial_period_days: step.trialDays };
    if (!step.byCheckout) {
      const made = await this.#stripe.subscriptions.create({
        customer: this.id,
        items: [{ price: step.plan, quantity: step.quantity }],
        ...trial,
      });
      this.#subscriptions.push(made.id);
      return;
    }
    const session = await this.#stripe.checkout.sessions.create({
      mode: 'subscription',
      customer: this.id,
      line_items: [{ price: step.plan, quantity: step.quantity }],
      subscription_data: trial,
      optional_items: PACK,
      ...ADDRESSES,
    });
    await this.#pay(session, step);
    const { subscription } = await this.#stripe.checkout.sessions.retrieve(session.id);
    this.#subscriptions.push(String(subscription));
  }

  #withSubscription(nth: number, work: (id: string) => Promise<unknown>): Promise<unknown> {
    const id = this.#subscriptions[nth % Math.max(1, this.#subscriptions.length)];
    return id === undefined ? Promise.resolve() : work(id);
  }

  #change(
    { nth, behavior }: { nth: number; behavior: string },
    to: { price?: string; quantity?: number },
  ): Promise<unknown> {
    return this.#withSubscription(nth, async (id) => {
      const { items } = await this.#stripe.subscriptions.retrieve(id);
      await this.#stripe.subscriptions.update(id, {
        items: [{ id: items.data[0]?.id ?? '', ...to }],
        proration_behavior: behavior as 'none',
      });
    });
  }

  async #buyPack(step: { quantity: number; addsPack: boolean }): Promise<void> {
    const session = await this.#stripe.checkout.sessions.create({
      mode: 'payment',
      customer: this.id,
      line_items: [{ price: 'price_PACK', quantity: step.quantity }],
      optional_items: PACK,
      ...ADDRESSES,
    });
    await this.#pay(session, step);
  }

  /** On the page the buyer may add what is offered beside. */
  async #pay({ id, url }: Stripe.Checkout.Session, { addsPack }: { addsPack: boolean }) {
    if (addsPack) {
      const body = new URLSearchParams({ price: 'price_PACK' });
      const added = await fetch(`${url}/optional`, { method: 'POST', body, redirect: 'manual' });
      if (added.status !== 303) {
        throw new Error(`The pack could not be added: ${added.status}`);
      }
    }
    this.#sandbox.pay(id);
  }

  /** A metered price joins the subscription; what is used of it is billed after each period. */
  async #meter(subscription: string): Promise<void> {
    this.#calls ??= this.#makeCalls();
    await this.#stripe.subscriptionItems.create({ subscription, price: await this.#calls });
  }

  async #makeCalls(): Promise<string> {
    const meter = await this.#stripe.billing.meters.create({
      display_name: 'Calls',
      event_name: 'calls',
      default_aggregation: { formula: 'sum' },
    });
    const price = await this.#stripe.prices.create({
      currency: 'usd',
      unit_amount: 3,
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
      product_data: { name: 'Calls' },
    });
    return price.id;
  }

  async #use(calls: number): Promise<void> {
    if (this.#calls !== undefined) {
      await this.#stripe.billing.meterEvents.create({
        event_name: 'calls',
        payload: { stripe_customer_id: this.id, value: String(calls) },
      });
    }
  }

  async #topUp(quantity: number): Promise<void> {
    const draft = await this.#stripe.invoices.create({ customer: this.id, auto_advance: false });
    await this.#stripe.invoiceItems.create({
      customer: this.id,
      invoice: draft.id,
      pricing: { price: 'price_PACK' },
      quantity,
    });
    await this.#stripe.invoices.finalizeInvoice(draft.id);
    await this.#stripe.invoices.pay(draft.id).catch(cardIsDeclined);
  }

  async #refund({ nth, thirds: part }: { nth: number; thirds: number }): Promise<void> {
    const charge = await this.#nthCharge(nth);
    const amount = Math.floor(
      (((charge?.amount ?? 0) - (charge?.amount_refunded ?? 0)) * part) / 3,
    );
    if (charge !== undefined && amount > 0) {
      await this.#stripe.refunds.create({ charge: charge.id, amount });
    }
  }

  async #dispute(step: Extract<Step, { do: 'dispute' }>): Promise<void> {
    const charge = await this.#nthCharge(step.nth);
    const amount = Math.floor(((charge?.amount ?? 0) * step.thirds) / 3);
    if (charge !== undefined && amount > 0 && !charge.disputed) {
      const { id } = this.#sandbox.dispute(charge.id, { amount });
      if (step.outcome !== 'open') {
        this.#sandbox.closeDispute(id, step.outcome as 'won');
      }
    }
  }

  async #note(step: Extract<Step, { do: 'creditNote' }>): Promise<void> {
    const { data } = await this.#stripe.invoices.list({ customer: this.id, limit: 100 });
    const paid = data.filter((one) => one.amount_paid > 0);
    const invoice = paid[step.nth % Math.max(1, paid.length)];
    const left = (invoice?.amount_paid ?? 0) - (invoice?.post_payment_credit_notes_amount ?? 0);
    const amount = Math.floor((left * step.thirds) / 3);
    if (invoice !== undefined && amount > 0) {
      await this.#stripe.creditNotes.create({ invoice: invoice.id, amount, [step.as]: amount });
    }
  }

  async #nthCharge(nth: number): Promise<Stripe.Charge | undefined> {
    const { data } = await this.#stripe.charges.list({ customer: this.id, limit: 100 });
    const paid = data.filter(({ status }) => status === 'succeeded');
    return paid[nth % Math.max(1, paid.length)];
  }
}

const PACK = [{ price: 'price_PACK', quantity: 1 }];
const ADDRESSES = { success_url: 'http://shop.test/', cancel_url: 'http://shop.test/cancel' };

function cardIsDeclined(error: unknown): void {
  if (!(error instanceof Stripe.errors.StripeCardError)) {
    throw error;
  }
}
