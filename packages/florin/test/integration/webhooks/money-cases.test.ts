// What happens to subscriptions beside a plain switch, from Stripe to the ledger, with the real SDK. Values follow Stripe's documentation, cited at each case.
import { describe, expect, it } from 'vitest';
import { readBalance } from '../../../src/ledger/index.ts';
import { grantDueDrips } from '../../../src/webhooks/index.ts';
import { installVirtualClock } from '../../property/virtual-clock.ts';
import { testCatalog } from './catalog.ts';
import { ACCOUNT } from './objects.ts';
import { buyPack, shopOnSandbox, subscribe, URLS } from './sandbox-shop.ts';
import { asOwner, openShop } from './shop.ts';

const DAY = 86_400;
const YEARLY = {
  id: 'price_ANNUAL',
  name: 'Annual',
  unitAmount: 12_000,
  recurring: { interval: 'year' as const },
};

type OnSandbox = Awaited<ReturnType<typeof shopOnSandbox>>;

/** The two plans of a schedule: Basic now, Pro from half of the month. */
async function scheduleFromHalf(
  { stripe }: OnSandbox,
  made: { id: string; half: number },
  second: {
    proration_behavior: 'create_prorations' | 'always_invoice' | 'none';
    anchored?: boolean;
  },
) {
  const { anchored, ...rest } = second;
  const schedule = await stripe.subscriptionSchedules.create({ from_subscription: made.id });
  await stripe.subscriptionSchedules.update(schedule.id, {
    phases: [
      {
        items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
        start_date: schedule.phases[0]?.start_date ?? 0,
        end_date: made.half,
      },
      {
        items: [{ price: 'price_PRO_MONTHLY', quantity: 1 }],
        ...(anchored ? { billing_cycle_anchor: 'phase_start' as const } : {}),
        ...rest,
      },
    ],
  });
}

/** Noon of the next such day, in seconds since 1970: `02-29 of a leap year`. Any date written out is past some day. */
function nextNoon(wanted: string): number {
  const day = wanted.slice(0, 5);
  for (let year = new Date().getUTCFullYear(); ; year += 1) {
    const at = Date.parse(`${year}-${day}T12:00:00Z`);
    const isLeap = new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1;
    if (at > Date.now() && isLeap === wanted.endsWith('leap year')) {
      return at / 1000;
    }
  }
}

/** A customer of the account with a card on file. */
async function customerOf({ sandbox, stripe }: OnSandbox, card = 'visa') {
  const { id } = await stripe.customers.create({ metadata: { userId: ACCOUNT } });
  sandbox.setCard(id, card);
  return id;
}

async function upgradeNow({ stripe }: OnSandbox, at: { id: string; item: string; half: number }) {
  return stripe.subscriptions.update(at.id, {
    items: [{ id: at.item, price: 'price_PRO_MONTHLY' }],
    proration_behavior: 'always_invoice',
    proration_date: at.half,
    expand: ['latest_invoice'],
  });
}

function invoiceOf({ latest_invoice: invoice }: { latest_invoice: unknown }): string {
  return typeof invoice === 'string' ? invoice : ((invoice as { id: string } | null)?.id ?? '');
}

describe.each(['2026-10-28.endive', '2020-03-02'])(
  'money in every shape, delivered in %s',
  (version) => {
    // A phase's proration_behavior says how its start is prorated; billing_cycle_anchor `phase_start` begins a period with it:
    // https://docs.stripe.com/billing/subscriptions/subscription-schedules, https://docs.stripe.com/api/subscription_schedules/create
    it.each([
      [{ proration_behavior: 'create_prorations' } as const, 100, 800],
      [{ proration_behavior: 'always_invoice' } as const, 300, 800],
      [{ proration_behavior: 'none' } as const, 100, 600],
      [{ proration_behavior: 'create_prorations', anchored: true } as const, 550, 550],
      [{ proration_behavior: 'none', anchored: true } as const, 600, 600],
    ])('a schedule whose phase begins in mid-month with %o', async (phase, atOnce, nextMonth) => {
      const here = await shopOnSandbox(version);
      const { sandbox, shop, settle } = here;
      const made = await subscribe(here);
      const { end } = made;
      await scheduleFromHalf(here, made, phase);
      sandbox.advance({ seconds: made.half - sandbox.now() + 2 * 3600 });
      await settle();
      expect(await shop.balance()).toBe(atOnce);
      sandbox.advance({ seconds: end - sandbox.now() + 2 * 3600 });
      await settle();
      expect(await shop.balance()).toBe(nextMonth);
    });

    it('a schedule that changes the plan with the period', async () => {
      const here = await shopOnSandbox(version);
      const { sandbox, shop, settle } = here;
      const { end, ...made } = await subscribe(here);
      await scheduleFromHalf(
        here,
        { ...made, half: end },
        { proration_behavior: 'create_prorations' },
      );
      sandbox.advance({ months: 1, days: 1 });
      await settle();
      expect(await shop.balance()).toBe(600);
    });

    // Usage is billed in arrears on the invoice that also bills the next period of licensed prices:
    // https://docs.stripe.com/billing/subscriptions/usage-based, https://docs.stripe.com/api/invoice-line-item/object
    it('a metered price beside a licensed one grants nothing where the catalogue ignores it, else waits', async () => {
      const metered = { id: 'price_METERED', name: 'Calls', unitAmount: 2 };
      const ignoring = { ...testCatalog(), ignores: (id: string) => id === metered.id };
      const here = await shopOnSandbox(version, ignoring, [metered]);
      const { sandbox, stripe, shop, settle } = here;
      const { id, customer } = await subscribe(here);
      const used = { customer, subscription: id, pricing: { price: metered.id }, quantity: 340 };
      await stripe.invoiceItems.create(used);
      sandbox.advance({ months: 1, days: 1 });
      await settle();
      expect(await shop.balance()).toBe(200);
      await stripe.invoiceItems.create(used);
      sandbox.advance({ months: 1 });
      const unlisted = shop.with({ catalog: testCatalog() });
      for (const { body } of await here.delivered()) {
        await unlisted.deliver(JSON.parse(body));
      }
      expect(await shop.balance()).toBe(300);
      expect(await here.waiting()).toMatchObject([{ error: expect.stringContaining(metered.id) }]);
    });

    // keep_as_draft: bill later; mark_uncollectible: offered for free; void: never billed:
    // https://docs.stripe.com/billing/subscriptions/pause-payment
    it.each([
      ['keep_as_draft', 'draft'],
      ['mark_uncollectible', 'uncollectible'],
      ['void', 'void'],
    ] as const)(
      'collection that is paused with %s grants only what is paid after all',
      async (behavior, status) => {
        const here = await shopOnSandbox(version);
        const { sandbox, stripe, shop, settle } = here;
        const { id } = await subscribe(here);
        await stripe.subscriptions.update(id, { pause_collection: { behavior } });
        sandbox.advance({ months: 1, days: 1 });
        await settle();
        expect(await shop.balance()).toBe(100);
        const held = await stripe.invoices.retrieve(
          invoiceOf(await stripe.subscriptions.retrieve(id)),
        );
        expect(held.status).toBe(status);
        if (status === 'draft') {
          await stripe.invoices.finalizeInvoice(held.id);
          await stripe.invoices.pay(held.id);
          await settle();
          expect(await shop.balance()).toBe(200);
        }
        await stripe.subscriptions.update(id, { pause_collection: '' });
        sandbox.advance({ months: 1 });
        await settle();
        expect(await shop.balance()).toBe(status === 'draft' ? 300 : 200);
      },
    );

    // A void invoice is as if it had never been; an uncollectible one may still be paid:
    // https://docs.stripe.com/invoicing/overview#invoice-statuses
    it.each([
      ['void', 100],
      ['uncollectible', 300],
    ] as const)(
      'an upgrade whose invoice is not paid and then %s leaves %i',
      async (becomes, left) => {
        const here = await shopOnSandbox(version);
        const { sandbox, stripe, shop, settle } = here;
        const made = await subscribe(here);
        sandbox.setCard(made.customer, 'chargeDeclined');
        const invoice = invoiceOf(await upgradeNow(here, made));
        await settle();
        expect(await shop.balance()).toBe(100);
        if (becomes === 'void') {
          await stripe.invoices.voidInvoice(invoice);
        } else {
          await stripe.invoices.markUncollectible(invoice);
          await settle();
          expect(await shop.balance()).toBe(100);
          sandbox.setCard(made.customer, 'visa');
          await stripe.invoices.pay(invoice);
        }
        await settle();
        expect(await shop.balance()).toBe(left);
      },
    );

    // "If a month doesn't have the anchor day, the subscription will be billed on the last day of the month":
    // https://docs.stripe.com/billing/subscriptions/billing-cycle
    it.each([
      [
        '01-31 of a common year',
        [
          '02-28',
          '03-31',
          '04-30',
          '05-31',
          '06-30',
          '07-31',
          '08-31',
          '09-30',
          '10-31',
          '11-30',
          '12-31',
        ],
      ],
      [
        '02-29 of a leap year',
        [
          '03-29',
          '04-29',
          '05-29',
          '06-29',
          '07-29',
          '08-29',
          '09-29',
          '10-29',
          '11-29',
          '12-29',
          '01-29',
        ],
      ],
    ])(
      'the months of a yearly price that begins on %s fall where Stripe’s own months would',
      async (first, due) => {
        const here = await shopOnSandbox(version, testCatalog(), [YEARLY]);
        const { sandbox, shop, settle } = here;
        sandbox.advance({ seconds: nextNoon(first) - sandbox.now() });
        await subscribe({ ...here, price: 'price_ANNUAL' });
        const months = await shop.deps.db.query<{ due: string }>(
          `select to_char(due_at at time zone 'UTC', 'MM-DD') as due from billing.purchases
        where due_at is not null order by due_at`,
        );
        expect(months.map((one) => one.due)).toEqual(due);
        expect(await shop.balance()).toBe(100);
        const end = new Date(sandbox.now() * 1000 + 364 * DAY * 1000);
        await asOwner(
          shop.fresh,
          'update billing.payments set next_due_at = now() where next_due_at is not null',
        );
        await grantDueDrips(shop.with({ clock: { ...shop.deps.clock, now: () => end } }).deps);
        await settle();
        expect(await shop.balance()).toBe(1200);
      },
    );

    it('a month that begins on the 31st renews on the last day of each month, and grants once', async () => {
      const here = await shopOnSandbox(version);
      const { sandbox, shop, settle } = here;
      const begins = nextNoon('01-31 of a common year');
      sandbox.advance({ seconds: begins - sandbox.now() });
      await subscribe(here);
      const year = new Date(begins * 1000).getUTCFullYear();
      for (const [day, balance] of [
        ['02-28', 200],
        ['03-30', 200],
        ['03-31', 300],
        ['04-30', 400],
      ] as const) {
        sandbox.advance({
          seconds: Date.parse(`${year}-${day}T14:00:00Z`) / 1000 - sandbox.now(),
        });
        await settle();
        expect([day, await shop.balance()]).toEqual([day, balance]);
      }
    });

    // What the buyer sets is on the session's lines, not in the link: https://docs.stripe.com/payments/checkout/adjustable-quantity
    it('a payment link whose quantity the buyer adjusts grants what was paid for', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(version);
      const adjustable = { enabled: true, minimum: 1, maximum: 9 };
      const link = await stripe.paymentLinks.create({
        line_items: [{ price: 'price_QUICK_SCAN', quantity: 1, adjustable_quantity: adjustable }],
      });
      const opened = await fetch(`${link.url}?client_reference_id=${ACCOUNT}`, {
        redirect: 'manual',
      });
      const session = opened.headers.get('location')?.split('/').at(-1) ?? '';
      const { data } = await stripe.checkout.sessions.listLineItems(session);
      const changed = await fetch(`${sandbox.url}/c/pay/${session}/quantity`, {
        method: 'POST',
        body: new URLSearchParams({ line: data[0]?.id ?? '', quantity: '4' }),
        redirect: 'manual',
      });
      expect(changed.status).toBe(303);
      sandbox.pay(session);
      await settle();
      expect(await shop.balance()).toBe(200);
    });

    // What the buyer adds becomes a line of the session like any other: https://docs.stripe.com/payments/checkout/optional-items
    it.each(['a session', 'a payment link'])(
      'an optional item of %s grants where the buyer adds it, and with it goes back',
      async (where) => {
        const { sandbox, stripe, shop, settle } = await shopOnSandbox(version);
        const offered = {
          line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
          optional_items: [{ price: 'price_POWER_PACK', quantity: 2 }],
        };
        const open = async () => {
          if (where === 'a session') {
            const given = { client_reference_id: ACCOUNT, ...offered, ...URLS };
            return (await stripe.checkout.sessions.create({ mode: 'payment', ...given })).id;
          }
          const { url } = await stripe.paymentLinks.create(offered);
          const opened = await fetch(`${url}?client_reference_id=${ACCOUNT}`, {
            redirect: 'manual',
          });
          return opened.headers.get('location')?.split('/').at(-1) ?? '';
        };
        sandbox.pay(await open());
        await settle();
        expect(await shop.balance()).toBe(50);
        const session = await open();
        const added = await fetch(`${sandbox.url}/c/pay/${session}/optional`, {
          method: 'POST',
          body: new URLSearchParams({ price: 'price_POWER_PACK' }),
          redirect: 'manual',
        });
        expect(added.status).toBe(303);
        sandbox.pay(session);
        await settle();
        expect(await shop.balance()).toBe(600);
        const { payment_intent: intent } = await stripe.checkout.sessions.retrieve(session);
        await stripe.refunds.create({ payment_intent: String(intent) });
        await settle();
        expect(await shop.balance()).toBe(50);
      },
    );

    // `created` counts seconds and says no order within one: https://docs.stripe.com/webhooks#event-ordering
    it('two refunds of one second count the same in either order', async () => {
      const here = await shopOnSandbox(version);
      const { sandbox, stripe, shop } = here;
      const charge = await buyPack(stripe, (id) => sandbox.pay(id));
      await stripe.refunds.create({ charge: charge.id, amount: 300 });
      await stripe.refunds.create({ charge: charge.id, amount: 333 });
      const bodies = (await here.delivered()).map(({ body }) => {
        const told = JSON.parse(body);
        return { ...told, created: charge.created };
      });
      const other = (await openShop()).with({ stripe: shop.deps.stripe });
      try {
        for (const told of bodies) {
          await shop.deliver(told);
        }
        for (const told of bodies.toReversed()) {
          await other.deliver(told);
        }
        expect([await shop.balance(), await other.balance()]).toEqual([37, 37]);
      } finally {
        await other.close();
      }
    });

    it('a buyer who changes the e-mail goes on being credited, and nobody else is', async () => {
      const here = await shopOnSandbox(version);
      const { sandbox, stripe, shop, settle } = here;
      const { customer } = await subscribe(here);
      await stripe.customers.update(customer, { email: 'somebody.else@shop.test' });
      sandbox.advance({ months: 1, days: 1 });
      await settle();
      expect(await shop.balance()).toBe(200);
      expect(await shop.deps.db.query('select account_id from billing.customers')).toEqual([
        { accountId: ACCOUNT },
      ]);
    });

    it('two customers of one account are credited to it, and each switch takes back of its own', async () => {
      const here = await shopOnSandbox(version);
      const { shop, settle } = here;
      const [one, other] = [await subscribe(here), await subscribe(here)];
      expect(one.customer).not.toBe(other.customer);
      expect(await shop.balance()).toBe(200);
      await upgradeNow(here, one);
      await settle();
      expect(await shop.balance()).toBe(100 + 300);
      await here.stripe.subscriptions.cancel(other.id, { prorate: true, invoice_now: true });
      await settle();
      expect(await shop.balance()).toBeLessThanOrEqual(301);
      expect(await shop.balance()).toBeGreaterThanOrEqual(300);
    });

    it('of several subscriptions of one customer, the one that ends takes back its own share', async () => {
      const here = await shopOnSandbox(version);
      const { stripe, shop, settle } = here;
      const customer = await customerOf(here);
      const items = [{ price: 'price_BASIC_MONTHLY' }];
      const first = await stripe.subscriptions.create({ customer, items });
      await stripe.subscriptions.create({ customer, items });
      await stripe.subscriptions.create({ customer, items: [{ price: 'price_PRO_MONTHLY' }] });
      await settle();
      expect(await shop.balance()).toBe(700);
      await stripe.subscriptions.cancel(first.id, { prorate: true, invoice_now: true });
      await settle();
      expect(await shop.balance()).toBe(600);
      const back = await shop.deps.db.query(
        'select distinct subscription_id from billing.purchases where reversed > 0',
      );
      expect(back).toEqual([{ subscriptionId: first.id }]);
    });

    // A bank debit is pending for days and the subscription is served meanwhile: https://docs.stripe.com/billing/subscriptions/sepa-debit
    it('a switch while the first payment is on its way counts once both have arrived', async () => {
      const here = await shopOnSandbox(version);
      const { sandbox, stripe, shop, settle } = here;
      const customer = await customerOf(here, 'sepa_debit');
      const made = await stripe.subscriptions.create({
        customer,
        items: [{ price: 'price_BASIC_MONTHLY' }],
      });
      const [item] = made.items.data;
      const { current_period_start: start = 0, current_period_end: end = 0, id = '' } = item ?? {};
      await upgradeNow(here, { id: made.id, item: id, half: Math.floor((start + end) / 2) });
      await settle();
      expect(await shop.balance()).toBe(0);
      sandbox.advance({ days: 8 });
      await settle();
      expect(await shop.balance()).toBe(300);
    });

    it('a switch away from what was never paid takes nothing back, and says so', async () => {
      const here = await shopOnSandbox(version);
      const { sandbox, stripe, shop, settle } = here;
      const customer = await customerOf(here, 'sepa_debit_fails');
      const made = await stripe.subscriptions.create({
        customer,
        items: [{ price: 'price_BASIC_MONTHLY' }],
      });
      sandbox.setCard(customer, 'visa');
      const [item] = made.items.data;
      const { current_period_start: start = 0, current_period_end: end = 0, id = '' } = item ?? {};
      await upgradeNow(here, { id: made.id, item: id, half: Math.floor((start + end) / 2) });
      await settle();
      expect(await shop.balance()).toBe(250);
      expect(
        await shop.deps.db.query("select 1 from billing.events where reason like '%gave back%'"),
      ).not.toEqual([]);
    });

    // During a trial nothing is prorated, since nothing was paid: https://docs.stripe.com/billing/subscriptions/trials
    it('a switch during a trial grants what the trial’s end is paid for', async () => {
      const here = await shopOnSandbox(version);
      const { sandbox, stripe, shop, settle } = here;
      const customer = await customerOf(here);
      const made = await stripe.subscriptions.create({
        customer,
        items: [{ price: 'price_BASIC_MONTHLY' }],
        trial_period_days: 14,
      });
      await stripe.subscriptions.update(made.id, {
        items: [{ id: made.items.data[0]?.id ?? '', price: 'price_PRO_MONTHLY' }],
        proration_behavior: 'always_invoice',
      });
      await settle();
      expect(await shop.balance()).toBe(0);
      sandbox.advance({ days: 15 });
      await settle();
      expect(await shop.balance()).toBe(500);
    });

    it('a trial that is ended by hand is granted for what is paid then', async () => {
      const here = await shopOnSandbox(version);
      const { stripe, shop, settle } = here;
      const made = await stripe.subscriptions.create({
        customer: await customerOf(here),
        items: [{ price: 'price_BASIC_MONTHLY' }],
        trial_period_days: 14,
      });
      await stripe.subscriptions.update(made.id, { trial_end: 'now' });
      await settle();
      expect(await shop.balance()).toBe(100);
    });

    it('credits that expired are gone already when their period is given back', async () => {
      const brief = { expiresAfter: 'P7D', id: 'price_BRIEF', credits: 100 } as const;
      const catalog = testCatalog([
        { ...brief, reason: 'brief', planType: 'basic', kind: 'recurring' },
      ]);
      const monthly = {
        id: brief.id,
        name: 'Brief',
        unitAmount: 1000,
        recurring: { interval: 'month' as const },
      };
      const here = await shopOnSandbox(version, catalog, [monthly]);
      const { sandbox, stripe, shop, settle } = here;
      const clock = await installVirtualClock(shop.deps.db);
      await clock.set(new Date(sandbox.now() * 1000));
      const made = await subscribe({ ...here, price: brief.id });
      expect((await readBalance(shop.deps.db, ACCOUNT)).available).toBe(100);
      sandbox.advance({ seconds: made.half - sandbox.now() });
      await clock.set(new Date(sandbox.now() * 1000));
      expect((await readBalance(shop.deps.db, ACCOUNT)).available).toBe(0);
      await stripe.subscriptions.cancel(made.id, { prorate: true, invoice_now: true });
      await settle();
      expect(await readBalance(shop.deps.db, ACCOUNT)).toMatchObject({ posted: 0, available: 0 });
    });
  },
);
