import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createStripeClient } from '../../src/stripe/index.ts';
import { STRIPE_KEY } from '../integration/http/florin-service.ts';
import { purchase } from '../integration/webhooks/objects.ts';
import { runFlorin } from '../support/florin-process.ts';
import type { Served } from '../support/served.ts';
import { deliver, errorsOf, expectGood, SERVERS } from './target.ts';

const TERMINAL_ORDERS = '\u001b]0;pwned\u0007\u001b[2J\u009b31m\u202etxt\nforged row';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
const ORDER = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|^forged row/m;

/** What somebody buys for another's account, and what somebody writes that another reads. */
describe.each(SERVERS)('on $name a stranger', { timeout: 120_000 }, ({ start }) => {
  let served: Served;
  beforeAll(async () => {
    served = await start();
  }, 240_000);
  afterAll(() => served?.close());
  afterEach(async () => {
    await expectGood(served);
    expect(await errorsOf(served)).toEqual([]);
  });

  const write = (account: string, what: string, body: object) =>
    served.ask(`/api/accounts/${account}/${what}`, {
      as: 'server',
      body,
      headers: { 'idempotency-key': randomUUID() },
    });
  /** A subscription bought through a payment link, into whose address anybody may write any account. */
  async function buyThroughLink(account: string, email: string): Promise<string> {
    const stripe = createStripeClient({ secretKey: STRIPE_KEY, apiBase: served.sandbox.url });
    const link = await stripe.paymentLinks.create({
      line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
    });
    const page = await fetch(`${link.url}?client_reference_id=${account}`, { redirect: 'manual' });
    const sessionId = /cs_test_\w+/.exec(page.headers.get('location') ?? '')?.[0] ?? '';
    served.sandbox.pay(sessionId, { email });
    await served.sandbox.settled();
    const { subscription } = await stripe.checkout.sessions.retrieve(sessionId);
    return String(subscription);
  }
  const subscribe = (as: string) =>
    served.ask('/api/create-checkout-session', { as, body: { priceId: 'price_BASIC_MONTHLY' } });
  const portal = (as: string, query = '') =>
    served.ask(`/api/create-portal-session${query}`, { as, body: {} });

  it("who subscribes for somebody's account neither blocks it nor shows a billing page", async () => {
    const victim = randomUUID();
    const subscription = await buyThroughLink(victim, 'evil@example.com');
    expect((await portal(victim)).status).toBe(404);
    expect((await portal(victim, `?subscription=${subscription}`)).status).toBe(404);
    expect((await subscribe(victim)).status).toBe(200);
  });

  it('is told from the user, whose own subscription through a link does block a second', async () => {
    const user = randomUUID();
    // The address of every token here, so that what the link brought is the user's own.
    const subscription = await buyThroughLink(user, 'ada@example.com');
    const refused = await subscribe(user);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ subscriptionId: subscription });
    expect((await portal(user, `?subscription=${subscription}`)).status).toBe(200);
  });

  it('who reads the database as a buyer sees no operator and no inner note', async () => {
    const [account, operator] = [randomUUID(), randomUUID()];
    await write(account, 'grants', { amount: 50 });
    const token = await served.project.token({
      sub: operator,
      app_metadata: { florin_role: 'operator' },
    });
    const changed = await served.ask(`/api/admin/accounts/${account}/adjust`, {
      body: {
        amount: -5,
        reason: 'counted twice',
        internalNote: 'suspected fraud, see ticket 81',
        idempotencyKey: randomUUID(),
      },
      headers: { authorization: `Bearer ${token}` },
    });
    expect(changed.status).toBe(200);
    const client = new pg.Client({ connectionString: served.fresh.adminUrl || served.fresh.url });
    await client.connect();
    const claims = JSON.stringify({ sub: account, role: 'authenticated' });
    await client.query('begin');
    await client.query(`select set_config('request.jwt.claims', $1, true)`, [claims]);
    await client.query('set local role authenticated');
    const { rows } = await client.query('select * from public.credits_transactions');
    await client.end();
    const page = await served.ask('/api/transactions', { as: account });
    for (const seen of [JSON.stringify(rows), await page.text()]) {
      expect(seen).toContain('counted twice');
      expect(seen).not.toMatch(/fraud|ticket/);
      expect(seen).not.toContain(operator);
    }
    const shown = await served.ask(`/api/admin/accounts/${account}`, { as: 'server' });
    expect(await shown.text()).toContain('suspected fraud');
  });

  it("whose texts an operator lists gives the operator's terminal no orders", async () => {
    const account = randomUUID();
    await write(account, 'grants', { amount: 50, metadata: { reason: TERMINAL_ORDERS } });
    await write(account, 'spend', { amount: 1, metadata: { reason: TERMINAL_ORDERS } });
    const bought = purchase({
      client_reference_id: account,
      metadata: { userId: account, file: TERMINAL_ORDERS },
      customer_details: { name: TERMINAL_ORDERS, email: 'ada@example.com' },
    });
    expect((await deliver(served, JSON.stringify(bought))).status).toBe(200);
    for (const command of [
      ['account', 'show', account],
      ['events', 'list', '--account', account],
      ['events', 'show', String(bought['id'])],
    ]) {
      for (const json of [[], ['--json']]) {
        const { code, stdout } = await runFlorin([...command, ...json], {
          env: served.environment,
        });
        expect(code, command.join(' ')).toBe(0);
        expect(stdout).not.toMatch(ORDER);
      }
    }
  });
});
