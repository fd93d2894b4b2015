import Stripe from 'stripe';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PRICES, sandboxUnderTest } from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { issueGrant, listGrants, restoreGrant, reverseGrant } from '../../../src/ledger/index.ts';
import { type ReconcileOptions, reconcile } from '../../../src/reconcile/index.ts';
import { createStripeLookups } from '../../../src/stripe/index.ts';
import { receiveWebhook, replayEvent } from '../../../src/webhooks/index.ts';
import { ACCOUNT, event, session, sessionLine, withLines } from '../webhooks/objects.ts';
import { asOwner, holdingNoSession, openShop, signed } from '../webhooks/shop.ts';

const URLS = { success_url: 'http://shop.test/', cancel_url: 'http://shop.test/cancel' };

/** A shop whose endpoint is down: nothing that the sandbox tells arrives by itself. */
async function cutOffShop() {
  const { sandbox, stripe } = await sandboxUnderTest({ prices: PRICES });
  const clock = { now: () => new Date((sandbox.now() + 1) * 1000) };
  const shop = (await openShop()).with({ stripe: createStripeLookups(stripe), clock });
  onTestFinished(() => shop.close());
  const run = (options: ReconcileOptions = {}) =>
    reconcile({ ...shop.deps, client: stripe }, options);
  const buy = async (card = 'visa') => {
    const opened = await stripe.checkout.sessions.create({
      mode: 'payment',
      client_reference_id: ACCOUNT,
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      ...URLS,
    });
    sandbox.pay(opened.id, { card });
    return stripe.checkout.sessions.retrieve(opened.id);
  };
  const kinds = async () => [...new Set((await run()).findings.map(({ kind }) => kind))].sort();
  return { sandbox, stripe, shop, run, buy, kinds };
}

describe('reconcile', () => {
  it('finds nothing where nothing happened, and nothing after a repair', async () => {
    const { shop, run, buy, kinds } = await cutOffShop();
    expect(await kinds()).toEqual([]);
    await buy();
    expect(await kinds()).toEqual(['paid_not_credited', 'undelivered_event']);
    expect(await shop.balance()).toBe(0);
    const { remaining } = await run({ repair: true });
    expect(remaining).toEqual([]);
    expect(await shop.balance()).toBe(50);
    expect((await run({ repair: true })).findings).toEqual([]);
    expect(await shop.balance()).toBe(50);
  });

  it('credits a purchase whose metadata jsonb cannot hold', async () => {
    const { sandbox, stripe, shop, run } = await cutOffShop();
    const opened = await stripe.checkout.sessions.create({
      mode: 'payment',
      client_reference_id: ACCOUNT,
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      metadata: { 'a\u0000b': 'c\u0000d' },
      ...URLS,
    });
    sandbox.pay(opened.id, { card: 'visa' });
    expect(await shop.balance()).toBe(0);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(50);
  });

  it('finds a refund that never arrived, and one that failed since', async () => {
    const { sandbox, stripe, shop, run, buy, kinds } = await cutOffShop();
    const bought = await buy('refundFail');
    await run({ repair: true });
    await stripe.refunds.create({
      payment_intent: String(bought.payment_intent),
      amount: 250,
    });
    expect(await kinds()).toEqual(['credited_not_paid', 'undelivered_event']);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(25);
    expect(await kinds()).toEqual([]);
    sandbox.advance({ days: 6 });
    expect(await kinds()).toEqual(['orphan_reversal', 'undelivered_event']);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(50);
  });

  it('finds a dispute that never arrived, and that it was won since', async () => {
    const { sandbox, stripe, shop, run, buy, kinds } = await cutOffShop();
    const bought = await buy();
    await run({ repair: true });
    const { data } = await stripe.charges.list({ payment_intent: String(bought.payment_intent) });
    const dispute = sandbox.dispute(String(data[0]?.id));
    expect(await kinds()).toEqual(['credited_not_paid', 'undelivered_event']);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(0);
    sandbox.closeDispute(dispute.id, 'won');
    expect(await kinds()).toEqual(['orphan_reversal', 'undelivered_event']);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(50);
  });

  it('finds a row that was changed past the functions, in the window and in the whole, and touches nothing of it', async () => {
    const { shop, run, buy } = await cutOffShop();
    await buy();
    await run({ repair: true });
    await asOwner(shop.fresh, 'update credits.accounts set posted = posted + 7');
    for (const options of [{ windowOnly: true, sinceDays: 1 }, {}, { repair: true }]) {
      const { findings, remaining } = await run(options);
      expect(findings.map(({ kind }) => kind)).toContain('drift');
      expect(findings[0]).toMatchObject({ accountId: ACCOUNT, repair: null, credits: null });
      expect(remaining).toEqual(findings);
    }
    // Left as it was found, for whoever has to find out why.
    expect(await shop.deps.db.query('select posted from credits.accounts')).toEqual([
      { posted: 57 },
    ]);
    await asOwner(shop.fresh, 'update credits.accounts set posted = posted - 7');
    expect((await run()).findings).toEqual([]);
  });

  it.each(['refund', 'dispute'])(
    'finds and mends what the books say wrongly of a %s',
    async (kind) => {
      const { sandbox, stripe, shop, run, buy } = await cutOffShop();
      const bought = await buy();
      const { data } = await stripe.charges.list({ payment_intent: String(bought.payment_intent) });
      const chargeId = String(data[0]?.id);
      if (kind === 'refund') {
        await stripe.refunds.create({ charge: chargeId, amount: 300 });
      } else {
        sandbox.dispute(chargeId, { amount: 300 });
      }
      await run({ repair: true });
      expect(await shop.balance()).toBe(20);
      const [purchase] = await shop.deps.db.query<{ purchaseKey: string }>(
        'select purchase_key from billing.purchases',
      );
      // The second time the same state of the same object has been told before.
      for (const reversed of [10, 50, 10]) {
        const path = `'{purchases,${purchase?.purchaseKey},reversed}'`;
        await asOwner(
          shop.fresh,
          `update billing.payments set state = jsonb_set(state, ${path}, '${reversed}')`,
        );
        for (const options of [{}, { windowOnly: true, sinceDays: 1 }]) {
          const { findings } = await run(options);
          expect(findings).toContainEqual(
            expect.objectContaining({
              subject: `purchase:${purchase?.purchaseKey}`,
              credits: 30 - reversed,
            }),
          );
        }
        expect((await run({ repair: true })).remaining).toEqual([]);
        expect(await shop.balance()).toBe(20);
        expect((await run()).findings).toEqual([]);
        expect(await shop.deps.db.query('select credits, reversed from billing.purchases')).toEqual(
          [{ credits: 50, reversed: 30 }],
        );
      }
    },
  );

  it('finds a refund that the books know and the ledger does not, and one that was given back behind them', async () => {
    const { stripe, shop, run, buy, kinds } = await cutOffShop();
    const bought = await buy();
    await stripe.refunds.create({ payment_intent: String(bought.payment_intent), amount: 250 });
    await run({ repair: true });
    expect(await shop.balance()).toBe(25);
    const [grant] = await listGrants(shop.deps.db, ACCOUNT);
    await restoreGrant(shop.deps.db, {
      accountId: ACCOUNT,
      grantId: String(grant?.grantId),
      amount: 20,
      idempotencyKey: 'by hand',
    });
    expect(await shop.balance()).toBe(45);
    const { findings } = await run();
    expect(findings).toMatchObject([{ kind: 'credited_not_paid', credits: -20 }]);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(25);
    expect(await kinds()).toEqual([]);
  });

  it.each([
    ['its own', 'wrong_amount', (key: string) => `${key}:twice`],
    ['not its own', 'credited_not_paid', () => 'florin:twice'],
  ])(
    'finds a grant that was given for a purchase a second time, under a key of its own or not: %s',
    async (_which, kind, secondKey) => {
      const { shop, run, buy, kinds } = await cutOffShop();
      await buy();
      await run({ repair: true });
      const { db } = shop.deps;
      const [bought] = await db.query<{ purchaseKey: string }>(
        'select purchase_key from billing.purchases',
      );
      const purchaseKey = String(bought?.purchaseKey);
      const command = {
        do: 'issue',
        cause: 'correction',
        accountId: ACCOUNT,
        amount: 50,
        key: secondKey(purchaseKey),
        purchaseKey,
        source: 'purchase',
      };
      await db.query("select billing.apply_event('processed', p_commands => $1)", [
        JSON.stringify([command]),
      ]);
      expect(await shop.balance()).toBe(100);
      expect(await kinds()).toEqual([kind]);
      expect((await run({ repair: true })).remaining).toEqual([]);
      expect(await shop.balance()).toBe(50);
    },
  );

  it('within a window only compares the accounts that were paid for in it', async () => {
    const { shop, run, buy } = await cutOffShop();
    const bought = await buy();
    await run({ repair: true });
    await issueGrant(shop.deps.db, {
      accountId: ACCOUNT,
      amount: 50,
      idempotencyKey: 'twice',
      source: 'purchase',
      metadata: { stripe_payment_id: String(bought.payment_intent) },
    });
    const within = async () => (await run({ windowOnly: true, sinceDays: 1 })).findings.length;
    expect(await within()).toBe(1);
    await asOwner(shop.fresh, "update billing.payments set updated_at = now() - interval '2 days'");
    expect(await within()).toBe(0);
    expect((await run()).findings).toHaveLength(1);
  });

  it('credits a purchase whose event was kept in its envelope, and finishes the event', async () => {
    const { stripe, shop, run, buy } = await cutOffShop();
    await buy();
    const { data } = await stripe.events.list({ type: 'checkout.session.completed' });
    const [told] = data;
    const body = JSON.stringify(told);
    const { deps } = shop.with({ db: holdingNoSession(shop.fresh.db) });
    const outcome = await receiveWebhook(deps, signed(body));
    expect(outcome).toMatchObject({ outcome: { status: 'failed' } });
    const inbox = () => shop.inbox(String(told?.id));
    expect(await inbox()).toMatchObject({ needsAttention: true, keptBytes: body.length });
    expect((await run()).remaining).not.toEqual([]);
    expect(await inbox()).toMatchObject({ status: 'failed', needsAttention: true });
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(50);
    const finished = {
      status: 'processed',
      needsAttention: false,
      error: null,
      nextAttemptAt: null,
    };
    expect(await inbox()).toMatchObject(finished);
    await replayEvent(deps, String(told?.id));
    expect(await shop.balance()).toBe(50);
  });

  it('leaves an event waiting whose purchase it could not credit', async () => {
    const { stripe, shop, run, buy } = await cutOffShop();
    await buy();
    const { data } = await stripe.events.list({ type: 'checkout.session.completed' });
    const unsold = shop.with({ catalog: parseCatalog({ prices: {} }) });
    await unsold.deliver(data[0] as never);
    const { remaining } = await reconcile({ ...unsold.deps, client: stripe }, { repair: true });
    expect(remaining).not.toEqual([]);
    expect(await shop.inbox(String(data[0]?.id))).toMatchObject({
      status: 'failed',
      needsAttention: true,
    });
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.inbox(String(data[0]?.id))).toMatchObject({
      status: 'processed',
      needsAttention: false,
    });
    expect(await shop.balance()).toBe(50);
  });

  it('says why an event and its object could not be processed by a repair', async () => {
    const { shop, run, buy } = await cutOffShop();
    await buy();
    await shop.deps.db.query("select credits.close_account($1, 'close:1')", [ACCOUNT]);
    const { repaired, remaining, failures } = await run({ repair: true });
    const subjects = remaining.map(({ subject }) => subject);
    const reason = expect.stringContaining('is closed');
    expect(repaired).toEqual([]);
    expect(remaining.map(({ kind }) => kind).sort()).toEqual([
      'paid_not_credited',
      'undelivered_event',
    ]);
    expect(failures).toHaveLength(2);
    expect(failures).toEqual(
      expect.arrayContaining(subjects.map((subject) => ({ subject, reason }))),
    );
  });

  it('says why the ledger refused a command of a repair', async () => {
    const { shop, run, buy } = await cutOffShop();
    const bought = await buy();
    await run({ repair: true });
    await asOwner(shop.fresh, 'truncate credits.entries, credits.grants');
    await asOwner(
      shop.fresh,
      `update credits.accounts set posted = 0, entry_no = 0, chain = '', closed_at = now()`,
    );
    const { failures, remaining } = await run({ repair: true });
    expect(failures).toEqual([
      {
        subject: expect.stringContaining(`florin:checkout:${bought.id}:line:`),
        reason: expect.stringContaining('is closed'),
      },
    ]);
    expect(remaining.map(({ subject }) => subject)).toContain(failures[0]?.subject);
  });

  it('takes back what was granted for a session that Stripe does not know, once', async () => {
    const { shop, run } = await cutOffShop();
    await run();
    await shop.deliver(
      event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
    );
    expect(await shop.balance()).toBe(50);
    expect((await run()).findings).toMatchObject([
      { kind: 'credited_not_paid', credits: -50, ids: { objectId: 'cs_1' } },
    ]);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect((await run({ repair: true })).findings).toEqual([]);
    expect(await shop.balance()).toBe(0);
  });

  it('compares and repairs nothing with the key of another Stripe account, until it is accepted', async () => {
    const { shop, run, buy } = await cutOffShop();
    await buy();
    await run({ repair: true });
    expect(await shop.balance()).toBe(50);

    const other = await sandboxUnderTest({ prices: PRICES, accountId: 'acct_other' });
    const withOther = (options: ReconcileOptions = {}) =>
      reconcile({ ...shop.deps, client: other.stripe }, options);
    await expect(withOther()).rejects.toThrow(/is of Stripe account acct_other/);
    await expect(withOther({ repair: true })).rejects.toMatchObject({
      code: 'stripe_account_changed',
    });
    expect(await shop.balance()).toBe(50);

    // What the earlier account sold is not asked of the new one; what comes after is.
    expect((await withOther({ acceptAccount: true, repair: true })).findings).toEqual([]);
    expect(await shop.balance()).toBe(50);
    await shop.deliver(
      event(
        'checkout.session.completed',
        session({
          ...withLines([sessionLine('price_QUICK_SCAN')]),
          id: 'cs_forged',
          payment_intent: 'pi_forged',
        }),
      ),
    );
    expect(await shop.balance()).toBe(100);
    await withOther({ repair: true });
    expect(await shop.balance()).toBe(50);
    await expect(run()).rejects.toMatchObject({ code: 'stripe_account_changed' });
  });

  it('repairs nothing while Stripe knows none of the purchases and no account was accepted', async () => {
    const { shop, run, buy } = await cutOffShop();
    await shop.deliver(
      event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
    );
    expect((await run()).findings).toHaveLength(1);
    await expect(run({ repair: true })).rejects.toMatchObject({ code: 'stripe_account_changed' });
    expect(await shop.balance()).toBe(50);
    await run({ repair: true, acceptAccount: true });
    expect(await shop.balance()).toBe(0);
    await buy();
    await run({ repair: true });
    expect(await shop.balance()).toBe(50);
  });

  it('tells test mode from live mode of one Stripe account', async () => {
    const { stripe, shop, run } = await cutOffShop();
    await run();
    await expect(reconcile({ ...shop.deps, client: stripe, livemode: true })).rejects.toThrow(
      /live mode.*test mode/,
    );
  });

  it('takes back nothing by a key that may not tell its account, unless Stripe knows a purchase', async () => {
    const { stripe, shop, run, buy } = await cutOffShop();
    const refused = () =>
      Promise.reject(new Stripe.errors.StripePermissionError({ message: 'no', type: 'api_error' }));
    vi.spyOn(stripe.accounts, 'retrieveCurrent').mockImplementation(refused);
    await shop.deliver(
      event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
    );
    await expect(run({ repair: true })).rejects.toMatchObject({ code: 'stripe_account_changed' });
    const bought = await buy();
    await shop.deliver(event('checkout.session.completed', { ...bought }));
    expect(await shop.balance()).toBe(100);
    await run({ repair: true });
    expect(await shop.balance()).toBe(50);
  });

  it('repairs a subscription whose renewal was missed', async () => {
    const { sandbox, stripe, shop, run } = await cutOffShop();
    const subscribed = await stripe.checkout.sessions.create({
      mode: 'subscription',
      client_reference_id: ACCOUNT,
      line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
      ...URLS,
    });
    sandbox.pay(subscribed.id);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(100);
    sandbox.advance({ months: 1, days: 1 });
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(200);
  });

  it('finds a second grant for one payment and an orphan reversal, and mends both once', async () => {
    const { shop, run, buy, kinds } = await cutOffShop();
    const bought = await buy();
    await run({ repair: true });
    await issueGrant(shop.deps.db, {
      accountId: ACCOUNT,
      amount: 50,
      idempotencyKey: 'twice',
      source: 'purchase',
      metadata: { stripe_payment_id: String(bought.payment_intent) },
    });
    expect(await kinds()).toEqual(['credited_not_paid']);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect(await shop.balance()).toBe(50);

    const [grant] = (await listGrants(shop.deps.db, ACCOUNT)).filter((one) => one.amount === 50);
    expect((await run()).findings).toEqual([]);
    const grants = await listGrants(shop.deps.db, ACCOUNT);
    const live = grants.find((one) => one.remaining === 50) ?? grant;
    await reverseGrant(shop.deps.db, {
      accountId: ACCOUNT,
      grantId: live?.grantId ?? '',
      amount: 20,
      idempotencyKey: 'orphan',
    });
    expect(await kinds()).toEqual(['orphan_reversal']);
    expect((await run({ repair: true })).remaining).toEqual([]);
    expect((await run({ repair: true })).findings).toEqual([]);
    expect(await shop.balance()).toBe(50);
  });

  it('leaves what a server granted by itself alone', async () => {
    const { shop, kinds } = await cutOffShop();
    await issueGrant(shop.deps.db, {
      accountId: ACCOUNT,
      amount: 10,
      idempotencyKey: 'welcome',
      source: 'bonus',
    });
    expect(await kinds()).toEqual([]);
  });

  it('takes nothing that an app granted, whatever its key looks like', async () => {
    const { shop, run, buy } = await cutOffShop();
    await buy();
    await run({ repair: true });
    const keys = [
      'invoice:in_1:line:il_1',
      'checkout:cs_1:line:li_1',
      'correction:invoice:in_1:line:il_1',
    ];
    for (const idempotencyKey of keys) {
      await issueGrant(shop.deps.db, {
        accountId: ACCOUNT,
        amount: 10,
        idempotencyKey,
        source: 'bonus',
      });
    }
    expect((await run({ repair: true })).findings).toEqual([]);
    expect(await shop.balance()).toBe(80);
  });

  it('finds a second grant for one payment whatever its key looks like', async () => {
    const { shop, run, buy } = await cutOffShop();
    const bought = await buy();
    await run({ repair: true });
    await issueGrant(shop.deps.db, {
      accountId: ACCOUNT,
      amount: 50,
      idempotencyKey: 'correction:anything',
      source: 'purchase',
      metadata: { stripe_payment_id: String(bought.payment_intent) },
    });
    expect((await run()).findings).toMatchObject([{ kind: 'credited_not_paid', credits: -50 }]);
  });
});
