import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  hasStripeCli,
  stripeEnvironment,
  stripeProgram,
} from '../../../stripe-sandbox/test/support/stripe-cli.ts';
import { hasBrowser, keepPicture, launchBrowser } from './support/browser.ts';
import { type Product, type SignedUp, signUp, startProduct } from './support/product.ts';

describe.skipIf(!hasBrowser)(
  'scenes, played in the sandbox on the running product',
  { timeout: 120_000 },
  () => {
    let product: Product;
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;
    let buyer: SignedUp;

    beforeAll(async () => {
      [product, browser] = await Promise.all([startProduct(), launchBrowser()]);
    }, 180_000);
    afterAll(async () => {
      await browser?.close();
      await product?.stop();
    });

    /** Each scene has a buyer of its own, who looks at the account page all the while. */
    beforeEach(async () => {
      context = await browser.newContext({ viewport: { width: 1100, height: 1000 } });
      context.setDefaultTimeout(60_000);
      page = await context.newPage();
      buyer = await signUp(page, product);
    });
    afterEach(() => context.close());

    const available = (amount: number) =>
      page.getByTestId('available').getByText(signed(amount), { exact: true }).waitFor();

    /** Pays for a price in the sandbox, as the buyer whose page is open. */
    async function buy(priceId: string): Promise<void> {
      const sessionId = await page.evaluate(
        async ({ price, bearer }) => {
          const response = await fetch('/api/create-checkout-session', {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
            body: JSON.stringify({ priceId: price }),
          });
          return ((await response.json()) as { sessionId: string }).sessionId;
        },
        { price: priceId, bearer: buyer.token },
      );
      await product.control('pay', { session: sessionId });
    }

    async function customer(): Promise<string> {
      const { data } = await product.stripe.customers.list({ email: buyer.email });
      return String(data[0]?.id);
    }

    async function charge(): Promise<string> {
      const { data } = await product.stripe.charges.list({ customer: await customer() });
      return String(data[0]?.id);
    }

    async function spend(pages: number, left: number): Promise<void> {
      await page.getByLabel('Pages').fill(String(pages));
      await page.getByRole('button', { name: 'Scan' }).click();
      await available(left);
    }

    /**
     * The page as it stands after a scene: the balance, and the history from the newest line down. It is
     * loaded anew, so that nothing counts that only this page's memory knows.
     */
    async function expectAccount(balance: number, history: readonly [string, number][]) {
      await page.goto(`${product.app}/index.html`);
      await available(balance);
      const lines = page.locator('.operation > .line, .operation > details > summary');
      const read = async () =>
        Promise.all(
          (await lines.all()).map(async (line) => [
            untimed((await line.locator('span').first().textContent()) ?? ''),
            await line.locator('.amount').textContent(),
          ]),
        );
      const wanted = history.map(([title, amount]) => [title, signed(amount, '+')]);
      await expect.poll(read, { timeout: 60_000 }).toEqual(wanted);
      const shown = await product.florin('account', 'show', buyer.email, '--json');
      expect(JSON.parse(shown.stdout).balance).toMatchObject({ available: balance, held: 0 });
    }

    async function look(name: string): Promise<void> {
      await keepPicture(page, name);
    }

    it('an upgrade in mid-month grants its prorated part, takes back what it credits, and brings the next month in full', async () => {
      await buy('price_BASIC_MONTHLY');
      await available(100);
      await product.control('advance', { days: 15 });

      await page.getByRole('button', { name: 'Billing and invoices' }).click();
      await page.waitForURL(`${product.sandbox}/**`);
      await page.getByLabel('Change plan').selectOption('price_PRO_MONTHLY');
      await page.getByRole('button', { name: 'Change', exact: true }).click();
      await page.getByRole('heading', { name: 'Vision Pro' }).waitFor();
      const { data: invoices } = await product.stripe.invoices.list({ customer: await customer() });
      const upgrade = invoices.find(({ billing_reason: why }) => why === 'subscription_update');
      const [unused, remaining] = (upgrade?.lines.data ?? []).toSorted(
        (a, b) => a.amount - b.amount,
      );
      expect(unused?.amount).toBeLessThan(0);
      // About half a month of Vision Pro at 29.00, and about as much of Basic back.
      const prorated = Math.round((500 * Number(remaining?.amount)) / 2_900);
      expect(prorated).toBeGreaterThan(230);
      expect(prorated).toBeLessThan(270);

      const first = invoices.find(({ billing_reason: why }) => why === 'subscription_create');
      const back = Math.round(
        (100 * -Number(unused?.amount)) / Number(first?.lines.data[0]?.amount),
      );
      expect(back).toBeGreaterThan(45);
      expect(back).toBeLessThan(55);

      await page.getByTestId('return').click();
      await page.waitForURL(`${product.app}/**`);
      const switched = `Basic to Vision Pro: ${prorated} added, ${back} back`;
      await expectAccount(100 + prorated - back, [
        [switched, prorated - back],
        ['Basic plan monthly', 100],
      ]);
      await look('upgrade-in-mid-month');

      await product.control('advance', { days: 17 });
      await expectAccount(600 + prorated - back, [
        ['Vision pro monthly', 500],
        [switched, prorated - back],
        ['Basic plan monthly', 100],
      ]);
      await look('upgrade-renewed');
    });

    it('three partial refunds take their shares, and together all', async () => {
      await buy('price_POWER_PACK');
      await available(250);
      const refund = async (amount: number, left: number) => {
        await product.stripe.refunds.create({ charge: await charge(), amount });
        // The live balance: nobody reloads the page.
        await available(left);
      };
      await refund(700, 250 - 87);
      await refund(600, 250 - 162);
      await look('two-of-three-refunds');
      await refund(700, 0);
      await expectAccount(0, [
        ['Refunded: power pack purchase', -88],
        ['Refunded: power pack purchase', -75],
        ['Refunded: power pack purchase', -87],
        ['Power pack purchase', 250],
      ]);
      await look('three-partial-refunds');
    });

    it('a dispute that is won gives back exactly what it took', async () => {
      await buy('price_QUICK_SCAN');
      await available(50);
      await spend(13, 37);
      await product.control('dispute', { charge: await charge() });
      await available(-13);
      await look('dispute-open');
      const { data } = await product.stripe.disputes.list({ charge: await charge() });
      await product.control('close-dispute', { dispute: data[0]?.id, outcome: 'won' });
      await available(37);
      await expectAccount(37, [
        ['Given back', 50],
        ['Held back by a dispute: quick scan purchase', -50],
        ['Scan', -13],
        ['Quick scan purchase', 50],
      ]);
      await look('dispute-won');
    });

    it('a dispute that is lost keeps what it took: the debt is visible, and the next purchase pays it', async () => {
      await buy('price_QUICK_SCAN');
      await available(50);
      await spend(13, 37);
      await product.control('dispute', { charge: await charge() });
      await available(-13);
      const { data } = await product.stripe.disputes.list({ charge: await charge() });
      await product.control('close-dispute', { dispute: data[0]?.id, outcome: 'lost' });
      await expect.poll(() => product.undelivered(), { timeout: 60_000 }).toBe(0);
      await expectAccount(-13, [
        ['Held back by a dispute: quick scan purchase', -50],
        ['Scan', -13],
        ['Quick scan purchase', 50],
      ]);
      await look('dispute-lost');
      await buy('price_QUICK_SCAN');
      await available(37);
      await look('debt-paid');
    });

    it('a balance that runs low is topped up: agreed to once, with a card that Stripe’s page saves', async () => {
      await buy('price_QUICK_SCAN');
      await available(50);
      await page.getByLabel('When credits fall below').fill('20');
      await page.getByLabel('Buy', { exact: true }).selectOption('price_QUICK_SCAN');
      await page.getByLabel('At most, per month').fill('2');
      await look('top-up-form');
      await page.getByRole('checkbox', { name: 'Charge my saved card' }).check();
      await page.getByRole('button', { name: 'Turn on auto top-up' }).click();
      await page.waitForURL(`${product.sandbox}/**`);
      await look('top-up-card');
      await page.getByLabel('Card number').fill('4242 4242 4242 4242');
      await page.getByTestId('pay').click();
      await page.waitForURL(`${product.app}/**`);
      await page.getByText('Charged to visa •••• 4242').waitFor();
      await look('top-up-on');
      await page.getByLabel('Pages').fill('31');
      await page.getByRole('button', { name: 'Scan' }).click();
      // 19 are left, and a few seconds later 50 more.
      await available(69);
      await expectAccount(69, [
        ['Quick scan purchase', 50],
        ['Scan', -31],
        ['Quick scan purchase', 50],
      ]);
      await look('topped-up');
      await page.getByRole('button', { name: 'Turn off' }).click();
      await page.getByRole('button', { name: 'Turn on auto top-up' }).waitFor();
    });

    it('an endpoint that was down for a day is reconciled by one command, and late deliveries add nothing', async () => {
      await buy('price_QUICK_SCAN');
      await available(50);
      expect(await reconcile()).toMatchObject({ code: 0 });

      await product.control('faults', { down: true });
      await product.stripe.refunds.create({ charge: await charge(), amount: 200 });
      await buy('price_POWER_PACK');
      await buy('price_BASIC_MONTHLY');
      await product.control('advance', { days: 1 });
      await expectAccount(50, [['Quick scan purchase', 50]]);
      await look('endpoint-down');

      const before = await reconcile();
      expect(before.code, before.stderr).toBe(1);
      const found = JSON.parse(before.stdout);
      expect(found.repaired).toEqual([]);
      expect(new Set(found.findings.map((one: { kind: string }) => one.kind))).toContain(
        'undelivered_event',
      );
      await expectAccount(50, [['Quick scan purchase', 50]]);

      const repair = await reconcile('--repair');
      expect(repair.code, repair.stdout + repair.stderr).toBe(0);
      expect(JSON.parse(repair.stdout).remaining).toEqual([]);
      // Not by the page alone: the live balance tells the page that is still open.
      await available(50 - 20 + 250 + 100);
      expect(await reconcile()).toMatchObject({ code: 0 });

      await product.control('reset-faults', {});
      await product.control('retry-now', {});
      await expect.poll(() => product.undelivered(), { timeout: 60_000 }).toBe(0);
      await expectAccount(380, [
        ['Basic plan monthly', 100],
        ['Power pack purchase', 250],
        ['Refunded: quick scan purchase', -20],
        ['Quick scan purchase', 50],
      ]);
      await look('reconciled');
      expect(await product.florin('verify')).toMatchObject({ code: 0 });
    });

    it.runIf(hasStripeCli)(
      'the Stripe CLI works with the address and the key that florin dev names, and its event waits for attention',
      async () => {
        const base = /--api-base (\S+?),/.exec(product.printed())?.[1] ?? '';
        const secrets = JSON.parse(
          await readFile(join(product.folder, '.florin', 'secrets.json'), 'utf8'),
        ) as { STRIPE_SECRET_KEY: string };
        const trigger = ['trigger', 'checkout.session.completed', '--api-base', base];
        const env = {
          ...stripeEnvironment(product.folder),
          STRIPE_API_KEY: secrets.STRIPE_SECRET_KEY,
        };
        const { stderr, stdout } = await promisify(execFile)(stripeProgram(), trigger, { env });
        expect(stdout + stderr).toContain('Trigger succeeded');
        const waiting = async () => {
          const listed = await product.florin('events', 'list', '--attention', '--json');
          return (JSON.parse(listed.stdout) as { type: string; error: string }[]).map(
            ({ type, error }) => `${type}: ${error}`,
          );
        };
        await expect
          .poll(waiting, { timeout: 60_000 })
          .toEqual([expect.stringMatching(/^checkout.session.completed: .*no account to credit/)]);
      },
    );

    const reconcile = (...options: string[]) => product.florin('reconcile', '--json', ...options);
  },
);

/** As the page writes numbers: with a real minus. */
function signed(amount: number, plus = ''): string {
  return amount < 0 ? `−${-amount}` : `${amount > 0 ? plus : ''}${amount}`;
}

/** The title of a line of the history, without the time that follows it. */
function untimed(line: string): string {
  return line.replace(/\s*\d{1,2}:\d{2}[\s\S]*$/, '').trim();
}
