import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CatalogPrice, createPriceDirectory } from '../../../src/catalog/index.ts';
import { closeAccount } from '../../../src/ledger/index.ts';
import { changePlan, createConfirmations } from '../../../src/plan-change/index.ts';
import { createPlanSessions } from '../../../src/plan-session/index.ts';
import { openPlanService, type PlanService, type Subscriber } from './plan-service.ts';

let service: PlanService;
beforeAll(async () => {
  service = await openPlanService();
});
afterAll(() => service.close());

const HALF_A_MONTH = { days: 15 };

/**
 * Previews a change, confirms it and lets its events arrive. What the page said before must be what
 * Stripe charged and the ledger did after, each time.
 */
async function change(of: PlanService, buyer: Subscriber, body: object) {
  const { body: shown, status } = await of.preview(buyer.id, body);
  expect([status, shown.code]).toEqual([200, undefined]);
  const before = await of.available(buyer.id);
  expect(shown.credits.available).toBe(before);
  const invoices = await invoicesOf(of, buyer);

  const done = await of.confirm(buyer.id, shown.preview);
  expect([done.status, done.body.replayed]).toEqual([200, false]);
  await of.sandbox.settled();

  const now = await of.available(buyer.id);
  const made = (await invoicesOf(of, buyer)).slice(invoices.length);
  if (shown.charge.when === 'now') {
    expect(now - before).toBe(shown.credits.added - shown.credits.back);
    expect(now).toBe(shown.credits.availableAfter);
    expect(made.map((one) => [one.total, one.amount_paid])).toEqual([
      [shown.charge.totalMinor, shown.charge.dueMinor],
    ]);
  } else {
    expect([now, made]).toEqual([before, []]);
  }
  const complaints = of.logs.filter(({ message }) => /something else than was shown/.test(message));
  expect(complaints).toEqual([]);
  return { shown, done: done.body, now };
}

async function invoicesOf(of: PlanService, { subscription }: Subscriber) {
  const { data } = await of.stripe.invoices.list({ subscription, limit: 100 });
  return data.toReversed();
}

/** Credits of dripped months that will still be granted. */
async function monthsToCome({ id }: Subscriber): Promise<number> {
  const [row] = await service.fresh.db.query<{ left: number }>(
    `select coalesce(sum((one.value ->> 'credits')::int
                         - coalesce((one.value ->> 'returned')::int, 0)), 0)::int as left
       from billing.payments p, jsonb_each(p.state -> 'purchases') one
      where p.account_id = $1 and one.value ->> 'standing' = 'planned'`,
    [id],
  );
  return row?.left ?? 0;
}

describe('changing a plan', () => {
  it('of a closed account charges nothing, since nothing could be credited', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    const invoices = await invoicesOf(service, buyer);
    const close = { accountId: buyer.id, idempotencyKey: 'close' };
    await closeAccount(service.fresh.db, close);
    expect(await service.confirm(buyer.id, shown.preview)).toMatchObject({
      status: 409,
      body: { code: 'account_closed' },
    });
    expect(await invoicesOf(service, buyer)).toEqual(invoices);
  });

  it('up, down and up within a month moves the credits and the money that were shown', async () => {
    const ada = await service.subscribed('price_BASIC_MONTHLY');
    service.sandbox.advance(HALF_A_MONTH);
    const up = await change(service, ada, { priceId: 'price_PRO_MONTHLY' });
    expect(up.shown).toMatchObject({
      from: { priceId: 'price_BASIC_MONTHLY', planType: 'basic', quantity: 1 },
      to: { priceId: 'price_PRO_MONTHLY', planType: 'vision_pro', quantity: 1 },
      charge: { when: 'now', currency: 'usd', keptMinor: 0, taxMinor: 0, discountMinor: 0 },
    });
    expect(up.shown.charge.lines).toHaveLength(2);
    expect(up.shown.credits.added).toBeGreaterThan(200);
    expect(up.shown.credits.back).toBeGreaterThan(40);
    expect(up.done).toMatchObject({ payment: 'paid', subscriptionId: ada.subscription });

    service.sandbox.advance({ days: 2 });
    const down = await change(service, ada, { priceId: 'price_BASIC_MONTHLY' });
    expect(down.shown.charge).toMatchObject({ dueMinor: 0 });
    expect(down.shown.charge.keptMinor).toBeGreaterThan(0);
    expect(down.shown.credits.back).toBeGreaterThan(down.shown.credits.added);

    service.sandbox.advance({ days: 2 });
    const again = await change(service, ada, { priceId: 'price_PRO_MONTHLY' });
    // The balance at Stripe pays first.
    expect(again.shown.charge.fromBalanceMinor).toBeGreaterThan(0);
    expect(again.now).toBeLessThan(up.now);
  });

  it('to more seats, to the year, and from a dripped year after two months', async () => {
    const bob = await service.subscribed('price_BASIC_MONTHLY');
    const seats = await change(service, bob, { priceId: 'price_BASIC_MONTHLY', quantity: 3 });
    expect(seats.now).toBe(300);
    const year = await change(service, bob, { priceId: 'basic_yearly', quantity: 1 });
    expect(year.shown.charge.lines).toHaveLength(2);
    expect(year.now).toBe(100);
    expect(year.shown.credits).toMatchObject({ laterAdded: 1100, laterStopped: 0 });
    service.sandbox.advance({ months: 2 });
    const month = await change(service, bob, { priceId: 'price_PRO_MONTHLY' });
    // A new month of Pro is charged in full, and no month of the year that came is touched.
    expect(month.shown.credits).toMatchObject({ added: 500, back: 0, laterAdded: 0 });
    expect(month.shown.credits.laterStopped).toBeGreaterThan(990);
    expect(await monthsToCome(bob)).toBe(1100 - month.shown.credits.laterStopped);
    expect(new Date(month.shown.renewsAt) > new Date(month.shown.effectiveAt)).toBe(true);
  });

  it('shows debt before it is made, when what goes back was spent', async () => {
    const eve = await service.subscribed('price_PRO_MONTHLY');
    await service.ask(`/api/accounts/${eve.id}/spend`, {
      as: 'server',
      body: { amount: 500 },
      headers: { 'idempotency-key': `spend:${eve.id}` },
    });
    const down = await change(service, eve, { priceId: 'price_BASIC_MONTHLY' });
    expect(down.shown.credits).toMatchObject({ available: 0, added: 100, back: 500 });
    expect(down.now).toBe(-400);
  });

  it('counts as gone what lapsed before: taking it back lowers nothing', async () => {
    const kim = await service.subscribed('price_PRO_MONTHLY');
    const [grant] = await service.fresh.db.query<{ grantId: string }>(
      'select grant_id from credits.grants where account_id = $1',
      [kim.id],
    );
    await service.fresh.db.query('select * from credits.void_grant($1, $2, $3)', [
      kim.id,
      grant?.grantId ?? null,
      `void:${kim.id}`,
    ]);
    const down = await change(service, kim, { priceId: 'price_BASIC_MONTHLY' });
    expect(down.shown.credits).toMatchObject({ available: 0, added: 100, back: 0 });
    expect(down.now).toBe(100);
  });

  it('during a trial costs and brings nothing before the trial ends', async () => {
    const { stripe } = service;
    const id = randomUUID();
    const card = 'pm_card_visa';
    const customer = await stripe.customers.create({
      metadata: { userId: id },
      payment_method: card,
      invoice_settings: { default_payment_method: card },
    });
    const { id: subscription } = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
      metadata: { userId: id },
      trial_period_days: 14,
    });
    await service.sandbox.settled();
    const { body: shown } = await service.preview(id, { priceId: 'price_PRO_MONTHLY' });
    expect(shown.charge).toMatchObject({ dueMinor: 0, totalMinor: 0, lines: [] });
    expect(shown.credits).toMatchObject({ added: 0, back: 0, availableAfter: 0 });
    const { body: done } = await service.confirm(id, shown.preview);
    expect(done).toMatchObject({ payment: 'later', invoiceId: null });
    expect((await stripe.subscriptions.retrieve(subscription)).status).toBe('trialing');
    service.sandbox.advance({ days: 15 });
    await service.sandbox.settled();
    expect(await service.available(id)).toBe(500);
  });
});

describe('a preview that is confirmed', () => {
  it('changes once, however often, and says so', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    const clicks = await Promise.all([1, 2, 3].map(() => service.confirm(buyer.id, shown.preview)));
    expect(clicks.map(({ status }) => status)).toEqual([200, 200, 200]);
    await service.sandbox.settled();
    const later = await service.confirm(buyer.id, shown.preview);
    expect(later.body).toMatchObject({ replayed: true, payment: 'paid' });
    expect(await invoicesOf(service, buyer)).toHaveLength(2);
    expect(await service.available(buyer.id)).toBe(500);
  });

  it('is made once by two calls at once, wherever the second comes in between', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    const { config, stripe, webhooks } = service;
    const prices = createPriceDirectory({ ...webhooks, stripe });
    const tokens = { ...webhooks, secrets: config.planSessionSecrets };
    const between = {
      ...webhooks,
      stripe,
      webhooks,
      appUrl: config.appUrl,
      planSessions: createPlanSessions(tokens),
      confirmations: createConfirmations(tokens),
      // Asked after the subscription was read, and before the money is.
      prices: {
        ...prices,
        resolve: async (price: CatalogPrice) => {
          expect((await service.confirm(buyer.id, shown.preview)).body.replayed).toBe(false);
          return prices.resolve(price);
        },
      },
    };
    const asked = { accountId: buyer.id, preview: shown.preview };
    expect(await changePlan(between, asked)).toMatchObject({ replayed: true, payment: 'paid' });
    await service.sandbox.settled();
    expect(await invoicesOf(service, buyer)).toHaveLength(2);
    expect(await service.available(buyer.id)).toBe(500);
  });

  it('is refused when anything has changed meanwhile, and nothing happens', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const first = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    const second = await service.preview(buyer.id, {
      priceId: 'price_BASIC_MONTHLY',
      quantity: 2,
    });
    expect((await service.confirm(buyer.id, second.body.preview)).status).toBe(200);
    await service.sandbox.settled();
    const late = await service.confirm(buyer.id, first.body.preview);
    expect(late).toMatchObject({ status: 409, body: { code: 'preview_outdated' } });
    expect(await invoicesOf(service, buyer)).toHaveLength(2);

    // A balance at Stripe makes it cheaper; a new preview says so.
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    const { customer } = await service.stripe.subscriptions.retrieve(buyer.subscription);
    await service.stripe.customers.update(String(customer), { balance: -300 });
    expect(await service.confirm(buyer.id, shown.preview)).toMatchObject({
      status: 409,
      body: { code: 'preview_outdated' },
    });
  });

  it('lets through one of two changes that are confirmed at once', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const previews = await Promise.all(
      [{ priceId: 'price_PRO_MONTHLY' }, { priceId: 'price_BASIC_MONTHLY', quantity: 4 }].map(
        (body) => service.preview(buyer.id, body),
      ),
    );
    const answers = await Promise.all(
      previews.map(({ body }) => service.confirm(buyer.id, body.preview)),
    );
    await service.sandbox.settled();
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const won = previews[answers.findIndex(({ status }) => status === 200)];
    expect(await service.available(buyer.id)).toBe(won?.body.credits.availableAfter);
    expect(await invoicesOf(service, buyer)).toHaveLength(2);
  });

  it.each([
    ['of somebody else', async (preview: string) => [preview, 'another'] as const],
    ['altered', async (preview: string) => [`${preview.slice(0, -3)}abc`, 'own'] as const],
    ['made up', async () => ['preview', 'own'] as const],
  ])('must be ours and the buyer’s own: %s is refused', async (_name, forge) => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    const [preview, whose] = await forge(shown.preview);
    const as = whose === 'own' ? buyer.id : (await service.subscribed('price_BASIC_MONTHLY')).id;
    const answer = await service.confirm(as, preview);
    expect(answer).toMatchObject({ status: 409, body: { code: 'preview_outdated' } });
    expect(await invoicesOf(service, buyer)).toHaveLength(1);
  });

  it('runs out after 15 minutes', async () => {
    const start = Date.now();
    let at = start;
    const of = await openPlanService({}, { clock: { now: () => new Date(at) } });
    try {
      const buyer = await of.subscribed('price_BASIC_MONTHLY');
      const { body: shown } = await of.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
      expect(Date.parse(shown.expiresAt) - start).toBeLessThanOrEqual(15 * 60_000);
      at = start + 15 * 60_000 + 10_000;
      const answer = await of.confirm(buyer.id, shown.preview);
      expect(answer).toMatchObject({ status: 409, body: { code: 'preview_outdated' } });
      expect(answer.body.detail).toMatch(/older than 15 minutes/);
    } finally {
      await of.close();
    }
  });
});

describe('a payment that takes days', () => {
  it('changes the plan at once, and brings its credits with the money', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const { customer } = await service.stripe.subscriptions.retrieve(buyer.subscription);
    service.sandbox.setCard(String(customer), 'sepa_debit');
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    const { body: done } = await service.confirm(buyer.id, shown.preview);
    expect(done).toMatchObject({ payment: 'processing', invoiceId: expect.stringMatching(/^in_/) });
    await service.sandbox.settled();
    expect(await service.available(buyer.id)).toBe(100);
    service.sandbox.advance({ days: 4 });
    await service.sandbox.settled();
    expect(await service.available(buyer.id)).toBe(shown.credits.availableAfter);
  });
});

describe('a payment that does not go through', () => {
  it.each([
    ['declined', 'chargeCustomerFail', 'declined'],
    ['to be confirmed with the bank', 'authenticationRequired', 'needs_confirmation'],
  ])(
    'because it is %s changes nothing, grants nothing, and the next try may succeed',
    async (_name, card, reason) => {
      const buyer = await service.subscribed('price_BASIC_MONTHLY');
      const { customer } = await service.stripe.subscriptions.retrieve(buyer.subscription);
      service.sandbox.setCard(String(customer), card);
      const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
      const answer = await service.confirm(buyer.id, shown.preview);
      expect(answer).toMatchObject({ status: 402, body: { code: 'payment_failed', reason } });
      expect(answer.body.manage).toContain(buyer.subscription);
      expect(answer.body.detail).toMatch(/Nothing was changed or charged/);
      await service.sandbox.settled();
      expect(await service.available(buyer.id)).toBe(100);
      const now = await service.stripe.subscriptions.retrieve(buyer.subscription);
      expect([now.status, now.items.data[0]?.price.id]).toEqual(['active', 'price_BASIC_MONTHLY']);

      service.sandbox.setCard(String(customer), 'visa');
      expect((await service.confirm(buyer.id, shown.preview)).status).toBe(200);
      await service.sandbox.settled();
      expect(await service.available(buyer.id)).toBe(500);
    },
  );
});

describe('a change that is refused', () => {
  it.each([
    ['the same plan', { priceId: 'price_BASIC_MONTHLY' }, 409, 'plan_not_changeable', 'same_plan'],
    ['a pack', { priceId: 'price_POWER_PACK' }, 400, 'invalid_input', undefined],
    ['an unknown price', { priceId: 'price_FREE' }, 400, 'price_unknown', undefined],
    [
      'a plan in another currency',
      { priceId: 'basic_in_euros' },
      409,
      'plan_not_changeable',
      'other_currency',
    ],
    ['no units', { priceId: 'price_PRO_MONTHLY', quantity: 0 }, 400, 'invalid_input', undefined],
    ['101 units', { priceId: 'price_PRO_MONTHLY', quantity: 101 }, 400, 'invalid_input', undefined],
    [
      "somebody else's subscription",
      { priceId: 'price_PRO_MONTHLY', subscription: 'sub_1' },
      404,
      'not_found',
      undefined,
    ],
  ])('to %s', async (_name, body, status, code, reason) => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const answer = await service.preview(buyer.id, body);
    expect([answer.status, answer.body.code, answer.body.reason]).toEqual([status, code, reason]);
  });

  it('without a subscription, without a sign-in, and as an anonymous user', async () => {
    const nobody = '5d0a6f0e-1111-4222-8333-944444444444';
    const body = { priceId: 'price_PRO_MONTHLY' };
    expect(await service.preview(nobody, body)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
    expect((await service.ask('/api/change-plan/preview', { body })).status).toBe(401);
    expect((await service.preview('server', body)).status).toBe(403);
    const token = await service.project.token({ sub: nobody, is_anonymous: true });
    expect(await service.preview(`Bearer ${token}`, body)).toMatchObject({
      status: 403,
      body: { reason: 'anonymous_user' },
    });
  });

  it.each([
    [
      'is set to end',
      (of: PlanService, id: string) =>
        of.stripe.subscriptions.update(id, { cancel_at_period_end: true }),
      'ending',
    ],
    [
      'is paused',
      (of: PlanService, id: string) =>
        of.stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } }),
      'paused',
    ],
  ] as const)('of a plan that %s', async (_name, prepare, reason) => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    await prepare(service, buyer.subscription);
    const answer = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    expect(answer).toMatchObject({ status: 409, body: { code: 'plan_not_changeable', reason } });
    expect(answer.body.manage).toContain(buyer.subscription);
  });

  it('of a plan whose payment is open, or that has ended', async () => {
    const of = await openPlanService();
    try {
      const buyer = await of.subscribed('price_BASIC_MONTHLY');
      const { customer } = await of.stripe.subscriptions.retrieve(buyer.subscription);
      of.sandbox.setCard(String(customer), 'chargeCustomerFail');
      of.sandbox.advance({ months: 1 });
      await of.sandbox.settled();
      const body = { priceId: 'price_PRO_MONTHLY' };
      const open = await of.preview(buyer.id, body);
      expect(open.body).toMatchObject({ code: 'plan_not_changeable', reason: 'payment_open' });
      const { body: mine } = await of.ask('/api/subscriptions', { as: buyer.id });
      expect(mine.subscriptions).toMatchObject([{ status: 'past_due' }]);
      await of.stripe.subscriptions.cancel(buyer.subscription);
      await of.sandbox.settled();
      for (const more of [{}, { subscription: buyer.subscription }]) {
        expect(await of.preview(buyer.id, { ...body, ...more })).toMatchObject({ status: 404 });
      }
    } finally {
      await of.close();
    }
  });

  it('of one of two subscriptions that is not named', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const first = await service.stripe.subscriptions.retrieve(buyer.subscription);
    const second = await service.stripe.subscriptions.create({
      customer: String(first.customer),
      default_payment_method: String(first.default_payment_method),
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    await service.sandbox.settled();
    const body = { priceId: 'price_PRO_MONTHLY' };
    const answer = await service.preview(buyer.id, body);
    expect(answer).toMatchObject({ status: 409, body: { reason: 'several_subscriptions' } });
    expect(answer.body.subscriptions.toSorted()).toEqual(
      [buyer.subscription, second.id].toSorted(),
    );
    const named = await service.preview(buyer.id, { ...body, subscription: second.id });
    expect(named.body.subscriptionId).toBe(second.id);
  });

  it('beyond what one buyer may cause at Stripe, and says when to come back', async () => {
    const of = await openPlanService({}, { limits: { stripe: 12 } });
    try {
      const buyer = await of.subscribed('price_BASIC_MONTHLY');
      const statuses: number[] = [];
      for (let n = 0; n < 8; n += 1) {
        const { status, body, headers } = await of.preview(buyer.id, {
          priceId: 'price_PRO_MONTHLY',
        });
        statuses.push(status);
        if (status !== 200) {
          expect([body.code, Number(headers.get('retry-after')) > 0]).toEqual([
            'rate_limited',
            true,
          ]);
        }
      }
      expect(new Set(statuses)).toEqual(new Set([200, 429]));
    } finally {
      await of.close();
    }
  });

  it('while Stripe does not answer, with nothing done', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    service.sandbox.failNext(20);
    const answer = await service.confirm(buyer.id, shown.preview);
    expect(answer).toMatchObject({ status: 503, body: { code: 'stripe_unavailable' } });
    service.sandbox.failNext(0);
    expect((await service.confirm(buyer.id, shown.preview)).status).toBe(200);
  });

  it('whose answer was lost is carried out once, and said again', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const { body: shown } = await service.preview(buyer.id, { priceId: 'price_PRO_MONTHLY' });
    service.sandbox.loseAnswers(3);
    await service.confirm(buyer.id, shown.preview);
    service.sandbox.loseAnswers(0);
    expect((await service.confirm(buyer.id, shown.preview)).status).toBe(200);
    await service.sandbox.settled();
    expect(await invoicesOf(service, buyer)).toHaveLength(2);
    expect(await service.available(buyer.id)).toBe(500);
  });
});

describe('by other settings of the catalogue', () => {
  it.each([
    ['create_prorations', 800],
    ['none', 600],
  ])(
    '%s: nothing moves now, and the next invoice brings what was shown',
    async (proration, after) => {
      const of = await openPlanService({ proration });
      try {
        const buyer = await of.subscribed('price_BASIC_MONTHLY');
        const period = await of.stripe.subscriptions.retrieve(buyer.subscription);
        const [item] = period.items.data;
        const half = Number(item?.current_period_end) - Number(item?.current_period_start);
        of.sandbox.advance({ seconds: Math.round(half / 2) });
        const { shown, done } = await change(of, buyer, { priceId: 'price_PRO_MONTHLY' });
        expect(shown.charge.when).toBe('next_invoice');
        expect(done).toMatchObject({ payment: 'later', invoiceId: null });
        of.sandbox.advance({ seconds: Math.round(half / 2) + 7200 });
        await of.sandbox.settled();
        expect(Math.abs((await of.available(buyer.id)) - after)).toBeLessThanOrEqual(1);
        expect(await of.available(buyer.id)).toBe(shown.credits.availableAfter);
        expect((await invoicesOf(of, buyer)).at(-1)?.amount_paid).toBe(shown.charge.dueMinor);
      } finally {
        await of.close();
      }
    },
  );
});

describe('the plans of an account', () => {
  it('are listed with what they are, and follow a change', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY');
    const mine = async () =>
      (await service.ask('/api/subscriptions', { as: buyer.id })).body.subscriptions;
    expect(await mine()).toMatchObject([
      {
        subscriptionId: buyer.subscription,
        status: 'active',
        priceId: 'price_BASIC_MONTHLY',
        planType: 'basic',
        quantity: 1,
        cancelAtPeriodEnd: false,
      },
    ]);
    await change(service, buyer, { priceId: 'price_PRO_MONTHLY', quantity: 2 });
    expect(await mine()).toMatchObject([{ priceId: 'price_PRO_MONTHLY', quantity: 2 }]);
    expect((await service.ask('/api/subscriptions')).status).toBe(401);
  });
});
