import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { axeViolations, hasBrowser, keepPicture, launchBrowser } from './support/browser.ts';
import { type Product, type SignedUp, signUp, startProduct } from './support/product.ts';

const plan = { kind: 'recurring' };
const CATALOG = {
  prices: {
    price_BASIC_MONTHLY: {
      ...plan,
      credits: 100,
      reason: 'basic_plan_monthly',
      planType: 'basic',
      name: 'Basic',
    },
    price_PRO_MONTHLY: {
      ...plan,
      credits: 500,
      reason: 'vision_pro_monthly',
      planType: 'vision_pro',
      name: 'Vision Pro',
      perSeat: true,
    },
    price_BASIC_YEARLY: {
      ...plan,
      credits: 1200,
      reason: 'basic_plan_yearly',
      planType: 'basic_yearly',
      name: 'Basic, by the year',
      drip: 'monthly',
    },
  },
};

describe.skipIf(!hasBrowser)(
  'a buyer who changes plan, in a browser, on the running product',
  { timeout: 120_000 },
  () => {
    let product: Product;
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;
    let buyer: SignedUp;

    beforeAll(async () => {
      [product, browser] = await Promise.all([startProduct({ catalog: CATALOG }), launchBrowser()]);
    }, 180_000);
    afterAll(async () => {
      await browser?.close();
      await product?.stop();
    });

    beforeEach(async () => {
      context = await browser.newContext({ viewport: { width: 1100, height: 1000 } });
      context.setDefaultTimeout(60_000);
      page = await context.newPage();
      buyer = await signUp(page, product);
    });
    afterEach(() => context.close());

    const available = (amount: number) =>
      page.getByTestId('available').getByText(written(amount), { exact: true }).waitFor();

    const sheet = () => page.getByRole('dialog', { name: 'Change plan' });
    const part = () => page.getByRole('region', { name: 'Your plan' });

    async function ask<T>(path: string, body?: object): Promise<T> {
      // Only browsers know that app.localhost is this machine.
      const service = product.app.replace('app.localhost', '127.0.0.1');
      const response = await fetch(service + path, {
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
        headers: { 'content-type': 'application/json', authorization: `Bearer ${buyer.token}` },
      });
      return (await response.json()) as T;
    }

    async function buy(priceId: string): Promise<void> {
      const made = await ask<{ sessionId: string }>('/api/create-checkout-session', { priceId });
      await product.control('pay', { session: made.sessionId });
    }

    async function customer(): Promise<string> {
      const { data } = await product.stripe.customers.list({ email: buyer.email });
      return String(data[0]?.id);
    }

    async function newestInvoice() {
      const { data } = await product.stripe.invoices.list({ customer: await customer(), limit: 1 });
      return data[0];
    }

    const posted = async () => (await ask<{ available: number }>('/api/balance')).available;

    async function look(name: string): Promise<void> {
      await keepPicture(page, name);
      expect(await axeViolations(page)).toEqual([]);
    }

    type Change = { to: string; name: string; kept?: boolean; says?: RegExp };

    /**
     * Changes the plan in the sheet. What the page said before is what Stripe then charged or kept, what
     * the ledger then holds, and what the page shows right after, without a reload.
     */
    async function change({ to, name, kept = false, says = /begins at once/ }: Change) {
      await page.goto(`${product.app}/index.html`);
      const before = await posted();
      await available(before);
      await part().getByRole('button', { name: 'Change plan' }).click();
      await sheet()
        .getByRole('radio', { name: new RegExp(`^${to} \\d`) })
        .check();
      const due = await sheet().getByTestId('due').textContent();
      const after = unwritten(await sheet().getByTestId('after').textContent());
      await sheet()
        .getByText(kept ? 'Kept for your next invoices' : 'To pay', { exact: true })
        .waitFor();
      await sheet().getByText(says).waitFor();
      await look(`${name}-before`);
      await sheet()
        .getByRole('button', { name: /change to/i })
        .click();
      await page.getByText(`You are on ${to} now.`).waitFor();
      await available(after);
      await page.getByText(/^\d+ credits? added(, \d+ back)?\.$/).waitFor();
      // The history follows by itself.
      await page.locator('.operation .after').first().getByText(written(after)).waitFor();
      await part().locator('.plan-name').getByText(to, { exact: true }).waitFor();
      await look(name);

      expect(await posted()).toBe(after);
      const invoice = await newestInvoice();
      const money = Number(due?.replace('$', '')) * 100;
      expect(kept ? -Number(invoice?.total) : invoice?.amount_paid).toBe(Math.round(money));
      return { before, after, invoice };
    }

    /** The newest line of the history, as it is after a reload. */
    async function expectNewest(title: RegExp, amount: number): Promise<void> {
      await page.goto(`${product.app}/index.html`);
      const line = page.locator('.operation > .line, .operation > details > summary').first();
      await expect.poll(() => line.locator('span').first().textContent()).toMatch(title);
      const moved = amount > 0 ? `+${written(amount)}` : written(amount);
      expect(await line.locator('.amount').textContent()).toBe(moved);
    }

    it('up, down and up within a month', async () => {
      await buy('price_BASIC_MONTHLY');
      await available(100);
      await product.control('advance', { days: 15 });
      const up = await change({ to: 'Vision Pro', name: '1-up' });
      expect(up.after).toBeGreaterThan(280);
      await expectNewest(/^Basic to Vision Pro: \d+ added, \d+ back/, up.after - up.before);
      await page.locator('.operation summary').first().click();
      await look('1-up-history');

      await product.control('advance', { days: 2 });
      const down = await change({ to: 'Basic', name: '2-down', kept: true });
      expect(down.after).toBeLessThan(down.before);
      await expectNewest(/^Vision Pro to Basic: \d+ added, \d+ back/, down.after - down.before);

      await product.control('advance', { days: 2 });
      const again = await change({ to: 'Vision Pro', name: '3-up-again' });
      // Part of it is paid by what was kept.
      expect(Number(again.invoice?.amount_paid)).toBeLessThan(Number(again.invoice?.total));
      await expectNewest(/^Basic to Vision Pro: /, again.after - again.before);
      const verified = await product.florin('verify');
      expect([verified.code, verified.stdout]).toMatchObject([0, /./]);
    });

    it('cancelled with its rest credited, and bought again from the balance', async () => {
      await buy('price_PRO_MONTHLY');
      await available(500);
      await product.control('advance', { days: 15 });
      // Its subscription may be told after its credits.
      const theirs = async () =>
        (await ask<{ subscriptions: { subscriptionId: string }[] }>('/api/subscriptions'))
          .subscriptions;
      await expect.poll(async () => (await theirs()).length).toBe(1);
      const id = String((await theirs())[0]?.subscriptionId);
      await product.stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
      await expect.poll(posted).toBeLessThan(300);
      const left = await posted();
      await expectNewest(/^Credited back: vision pro monthly/, left - 500);
      await available(left);
      // No plan, no part of it.
      await expect.poll(() => part().count()).toBe(0);
      await look('4-cancelled');
      const kept = Number((await newestInvoice())?.total);
      expect(kept).toBeLessThan(-1_000);

      await buy('price_BASIC_MONTHLY');
      await available(left + 100);
      const bought = await newestInvoice();
      expect([bought?.total, bought?.amount_paid]).toEqual([900, 0]);
      await part().locator('.plan-name').getByText('Basic', { exact: true }).waitFor();
      await look('5-bought-again');
    });

    it('a yearly plan left after two months', async () => {
      await buy('price_BASIC_YEARLY');
      await available(100);
      await product.control('advance', { months: 2 });
      const month = await change({
        to: 'Basic',
        name: '6-year-left',
        kept: true,
        says: /credits of months to come do not come any more/,
      });
      // A month of Basic comes, the months of the year that are still to come stop, and none that came is touched.
      expect(month.after).toBe(month.before + 100);
      await expectNewest(/^Basic plan monthly/, 100);
    });

    it('more seats, and fewer, of the plan that the buyer has', async () => {
      await buy('price_PRO_MONTHLY');
      await available(500);
      await product.control('advance', { days: 15 });
      const seats = async (many: string, name: string, kept: boolean) => {
        await page.goto(`${product.app}/index.html`);
        await part().getByRole('button', { name: 'Change plan' }).click();
        await sheet().getByLabel('Seats').fill(many);
        await sheet()
          .getByRole('radio', { name: `${many} × Vision Pro`, checked: true })
          .waitFor();
        await sheet()
          .getByText(kept ? 'Kept for your next invoices' : 'To pay', { exact: true })
          .waitFor();
        const due = await sheet().getByTestId('due').textContent();
        const after = unwritten(await sheet().getByTestId('after').textContent());
        await look(`${name}-before`);
        await sheet()
          .getByRole('button', { name: new RegExp(`change to ${many} × Vision Pro`, 'i') })
          .click();
        await page.getByText(`You are on ${many} × Vision Pro now.`).waitFor();
        await available(after);
        await look(name);
        expect(await posted()).toBe(after);
        const invoice = await newestInvoice();
        const money = Math.round(Number(due?.replace('$', '')) * 100);
        expect(kept ? -Number(invoice?.total) : invoice?.amount_paid).toBe(money);
        return after;
      };
      const more = await seats('3', '8-seats', false);
      expect(more).toBeGreaterThan(980);
      const fewer = await seats('2', '9-seats-fewer', true);
      expect(fewer).toBeLessThan(more - 200);
      const { subscriptions } = await ask<{ subscriptions: { quantity: number }[] }>(
        '/api/subscriptions',
      );
      expect(subscriptions.map(({ quantity }) => quantity)).toEqual([2]);
    });

    it('a card that is declined leaves the plan as it is', async () => {
      await buy('price_BASIC_MONTHLY');
      await available(100);
      await product.control('set-card', { customer: await customer(), card: 'chargeCustomerFail' });
      await page.goto(`${product.app}/index.html`);
      await part().getByRole('button', { name: 'Change plan' }).click();
      await sheet().getByRole('radio', { name: 'Vision Pro' }).check();
      await sheet().getByRole('button', { name: /^Pay/ }).click();
      await sheet().getByRole('alert').getByText('Your card was declined.').waitFor();
      await look('7-declined');
      await sheet().getByRole('button', { name: 'Open the billing page' }).click();
      await page.waitForURL(`${product.sandbox}/**`);
      await page.getByRole('heading', { name: 'Basic' }).waitFor();
      expect(await posted()).toBe(100);
    });
  },
);

/** As the page writes credits: `1,200`, and a real minus sign. */
function written(amount: number): string {
  return `${amount < 0 ? '−' : ''}${Math.abs(amount).toLocaleString('en')}`;
}

function unwritten(text: string | null): number {
  return Number((text ?? '').replaceAll(',', '').replace('−', '-'));
}
