// Books that were written before a change of plan took anything back (docs/decisions/0075).
import { describe, expect, it, onTestFinished } from 'vitest';
import { WHOLE_CREDITS } from '../../../src/credit/index.ts';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { type ReconcileOptions, reconcile } from '../../../src/reconcile/index.ts';
import { spend } from '../../support/spend.ts';
import { testCatalog } from '../webhooks/catalog.ts';
import { ACCOUNT, type Json } from '../webhooks/objects.ts';
import { shopOnSandbox, subscribe } from '../webhooks/sandbox-shop.ts';
import { asOwner } from '../webhooks/shop.ts';

const VERSION = '2026-10-28.endive';

/** A shop whose events are read as they were then: negative lines count for nothing, lines are not kept. */
async function shopOfTheOldRule() {
  const here = await shopOnSandbox(VERSION, testCatalog(), [
    { id: 'price_ANNUAL', name: 'Annual', unitAmount: 12_000, recurring: { interval: 'year' } },
  ]);
  const { sandbox, stripe, shop, delivered } = here;
  const clock = { now: () => new Date((sandbox.now() + 1) * 1000) };
  const settle = async () => {
    for (const { body } of await delivered()) {
      const told = JSON.parse(body) as { data: { object: Json } };
      const lines = told.data.object['lines'] as { data: { amount: number }[] } | undefined;
      if (told.data.object['object'] === 'invoice' && lines !== undefined) {
        lines.data = lines.data.filter(({ amount }) => amount >= 0);
      }
      await shop.deliver(told as never);
    }
    await asOwner(
      shop.fresh,
      `update billing.payments set state = jsonb_set(state, '{purchases}', (
         select jsonb_object_agg(e.key, e.value - 'line') from jsonb_each(state -> 'purchases') e))
        where state -> 'purchases' <> '{}'`,
    );
  };
  const run = (options: ReconcileOptions = {}) =>
    reconcile({ ...shop.deps, clock, client: stripe }, options);
  onTestFinished(async () => expect(await verifyLedger(shop.deps.db)).toEqual([]));
  return { ...here, settle, run };
}

type OldShop = Awaited<ReturnType<typeof shopOfTheOldRule>>;

async function switchTo(
  { stripe }: OldShop,
  price: string,
  at: { id: string; item: string; half?: number },
) {
  await stripe.subscriptions.update(at.id, {
    items: [{ id: at.item, price }],
    proration_behavior: 'always_invoice',
    ...(at.half === undefined ? {} : { proration_date: at.half }),
  });
}

describe('books of the old rule', () => {
  it('are reported with what they kept, repaired on command only, and once', async () => {
    const here = await shopOfTheOldRule();
    const { shop, run, settle, sandbox } = here;
    const made = await subscribe(here);
    for (const price of ['price_PRO_MONTHLY', 'price_BASIC_MONTHLY', 'price_PRO_MONTHLY']) {
      sandbox.advance({ seconds: 1 });
      await switchTo(here, price, made);
      await settle();
    }
    // 100 + 250 + 50 + 250 were granted; 50, 250 and 50 of them were credited back.
    expect(await shop.balance()).toBe(650);

    for (const options of [{}, { windowOnly: true, sinceDays: 1 }]) {
      const { findings } = await run(options);
      expect(findings).toMatchObject([
        {
          kind: 'credited_not_paid',
          subject: `returns:${made.id}`,
          accountId: ACCOUNT,
          ids: { subscriptionId: made.id },
          credits: -350,
          explanation: expect.stringMatching(/gave money back.* kept.*0072/),
          remedy: expect.stringContaining('Take back 350 credits'),
        },
      ]);
      expect(await shop.balance()).toBe(650);
    }
    const { remaining, repaired } = await run({ repair: true });
    expect({ remaining, repaired }).toEqual({ remaining: [], repaired: [`returns:${made.id}`] });
    expect(await shop.balance()).toBe(300);
    expect((await run({ repair: true })).findings).toEqual([]);
    expect(await shop.balance()).toBe(300);
  });

  it('leave alone what no later event may take by itself', async () => {
    const here = await shopOfTheOldRule();
    const { shop, run, settle, sandbox, stripe } = here;
    const made = await subscribe(here);
    await switchTo(here, 'price_PRO_MONTHLY', made);
    await settle();
    expect(await shop.balance()).toBe(350);
    // Read by the rule of now, an old invoice takes nothing, and neither does the renewal.
    const { data: invoices } = await stripe.invoices.list();
    for (const object of invoices.toReversed()) {
      const again = {
        id: `evt_${object.id}`,
        object: 'event',
        type: 'invoice.paid',
        created: sandbox.now(),
        livemode: false,
        data: { object },
      };
      await shop.deliver(again as unknown as Json);
    }
    sandbox.advance({ months: 1, days: 1 });
    for (const { body } of await here.delivered()) {
      await shop.deliver(JSON.parse(body));
    }
    expect(await shop.balance()).toBe(350 + 500);
    expect((await run()).findings).toMatchObject([{ credits: -50 }]);
    await run({ repair: true });
    expect(await shop.balance()).toBe(300 + 500);
  });

  it('take back spent credits as debt that is visible', async () => {
    const here = await shopOfTheOldRule();
    const { shop, run, settle, stripe } = here;
    const { id } = await subscribe({ ...here, price: 'price_PRO_MONTHLY' });
    await settle();
    await spend(shop.deps.db, { accountId: ACCOUNT, amount: 500, idempotencyKey: 'all of it' });
    await stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
    await settle();
    expect(await shop.balance()).toBe(0);
    await run({ repair: true });
    expect(await shop.balance()).toBe(-500);
  });

  it('whose price the catalogue has forgotten need a person', async () => {
    const here = await shopOfTheOldRule();
    const { shop, settle, stripe } = here;
    const { id } = await subscribe(here);
    await stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
    await settle();
    const catalog = {
      credit: WHOLE_CREDITS,
      prices: [],
      find: () => undefined,
      earlyFraudWarnings: 'ignore',
    } as never;
    const { findings } = await reconcile({ ...shop.deps, catalog, client: stripe });
    expect(findings).toContainEqual(
      expect.objectContaining({
        subject: `returns_unknown:${id}`,
        credits: null,
        repair: null,
        explanation: expect.stringContaining('price_BASIC_MONTHLY'),
      }),
    );
    expect(await shop.balance()).toBe(100);
  });
});
