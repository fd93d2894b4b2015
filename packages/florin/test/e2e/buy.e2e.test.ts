import { randomBytes } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFailed,
} from 'vitest';
import {
  axeViolations,
  hasBrowser,
  launchBrowser,
  launchWithoutCookies,
} from './support/browser.ts';
import { PASSWORD, type Product, startProduct } from './support/product.ts';

describe.skipIf(!hasBrowser)('buying, in a browser, on the product as a newcomer starts it', () => {
  let product: Product;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let faults: string[];
  let refusals: string[];

  beforeAll(async () => {
    [product, browser] = await Promise.all([startProduct(), launchBrowser()]);
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await product?.stop();
  });

  beforeEach(async () => {
    context = await browser.newContext();
    context.setDefaultTimeout(15_000);
    page = await context.newPage();
    faults = [];
    refusals = [];
    onTestFailed(() => {
      process.stderr.write(`What the service refused meanwhile:\n${refusals.join('\n')}\n`);
    });
    context.on('response', async (response) => {
      if (response.status() >= 400) {
        const text = await response.text().catch(() => '');
        refusals.push(`${response.status()} ${response.url()} ${text}`);
      }
    });
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) {
        faults.push(message.text());
      }
    });
  });

  afterEach(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });

  const available = (amount: number) =>
    page.getByTestId('available').getByText(String(amount), { exact: true }).waitFor();

  /** Chooses as a stranger and becomes a customer on the way. */
  async function chooseAndSignUp(plan: string): Promise<string> {
    const email = `buyer-${randomBytes(6).toString('hex')}@example.com`;
    await page.getByRole('button', { name: `Choose ${plan}` }).click();
    const sheet = page.getByRole('dialog', { name: 'Sign in' });
    await sheet.getByRole('button', { name: 'Create an account instead' }).click();
    await sheet.getByLabel('Email').fill(email);
    await sheet.getByLabel('Password').fill(PASSWORD);
    await sheet.getByRole('button', { name: 'Create account and continue to payment' }).click();
    await page.getByTestId('pay').waitFor();
    return email;
  }

  async function buy(plan: string): Promise<string> {
    await page.goto(`${product.app}/pricing.html`);
    const email = await chooseAndSignUp(plan);
    await page.getByTestId('pay').click();
    await page.waitForURL(`${product.app}/index.html?success=true&**`);
    return email;
  }

  async function customerOf(email: string): Promise<string> {
    const { data } = await product.stripe.customers.list({ email });
    return String(data[0]?.id);
  }

  async function expectAccessible(): Promise<void> {
    expect(await axeViolations(page)).toEqual([]);
  }

  it('three packs of a kind in one checkout bring three times the credits', async () => {
    await page.goto(`${product.app}/pricing.html`);
    await page.getByLabel('How many Quick Scan').fill('3');
    await chooseAndSignUp('Quick Scan');
    await page.getByTestId('pay').click();
    await page.getByText('Payment received. 150 credits added.').waitFor();
    await available(150);
  });

  it('a pack bought is credits at once, spent page by page, and a refund takes them back', async () => {
    const email = await buy('Quick Scan');
    await page.getByText('Payment received. 50 credits added.').waitFor();
    await available(50);
    await page.getByText('Quick scan purchase').first().waitFor();
    await expectAccessible();

    const customer = await customerOf(email);
    const { data: charges } = await product.stripe.charges.list({ customer });
    await product.stripe.refunds.create({ charge: String(charges[0]?.id) });
    // The live balance: nobody reloads the page.
    await available(0);
    await page.getByText('Refunded: quick scan purchase').waitFor();
    await expectAccessible();
  });

  it('a subscription grants its month once, though session and invoice both arrive', async () => {
    const email = await buy('Basic');
    await page.getByText('Payment received. 100 credits added.').waitFor();
    await available(100);
    const customer = await customerOf(email);
    const { data: events } = await product.stripe.events.list({ limit: 100 });
    const mine = events.filter(
      ({ data }) => (data.object as { customer?: string }).customer === customer,
    );
    expect(mine.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['checkout.session.completed', 'invoice.paid']),
    );
    await page.reload();
    await available(100);
    await page.getByText('+100', { exact: true }).waitFor();
    expect(await page.getByText('+100', { exact: true }).count()).toBe(1);

    await page.getByLabel('Pages').fill('30');
    await page.getByRole('button', { name: 'Scan' }).click();
    await page.getByText('30 pages read for 30 credits. 70 credits left.').waitFor();
    await available(70);
    await page.getByText('70 of 100 left').waitFor();
    await page.getByLabel('Pages').fill('71');
    await page.getByRole('button', { name: 'Scan' }).click();
    await page.getByText('not enough credits').waitFor();

    await page.goto(`${product.app}/pricing.html`);
    await page.getByRole('button', { name: 'Subscribe Vision Pro' }).click();
    await page.getByText('You have a subscription already.').waitFor();
    await expectAccessible();
    await page.getByRole('link', { name: 'Change my plan' }).click();
    const sheet = page.getByRole('dialog', { name: 'Change plan' });
    await sheet.getByRole('button', { name: /^Pay \$20 and change to Vision Pro/ }).click();
    await page.getByText('You are on Vision Pro now.').waitFor();
    // 30 of 100 were used: all of Basic goes back, and Vision Pro comes whole.
    await available(470);
  });

  it('a cancelled checkout charges nothing and keeps the choice', async () => {
    await page.goto(`${product.app}/pricing.html`);
    await chooseAndSignUp('Power Pack');
    await page.getByTestId('cancel').click();
    await page.getByText('Checkout was cancelled. Nothing was charged.').waitFor();
    await page.getByRole('region', { name: 'Your choice' }).getByText('Power Pack').waitFor();
    await expectAccessible();
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    await page.getByTestId('pay').waitFor();
  });

  it('a declined card is told by the payment page, and another one works', async () => {
    await page.goto(`${product.app}/pricing.html`);
    await chooseAndSignUp('Quick Scan');
    await page.getByLabel('Card number').fill('4000 0000 0000 0002');
    await page.getByTestId('pay').click();
    await page.getByTestId('error').waitFor();
    await page.getByLabel('Card number').fill('4242 4242 4242 4242');
    await page.getByTestId('pay').click();
    await page.getByText('Payment received. 50 credits added.').waitFor();
    await available(50);
  });

  it('a pending SEPA payment is shown as pending and grants nothing yet', async () => {
    await page.goto(`${product.app}/pricing.html`);
    const email = await chooseAndSignUp('Quick Scan');
    await page.getByLabel('SEPA debit that arrives in days').check();
    await page.getByTestId('pay').click();
    await page.getByText('Payment pending').waitFor();
    await available(0);
    expect(await page.getByText('did not go through').count()).toBe(0);
    await expectAccessible();
    const { data: intents } = await product.stripe.paymentIntents.list({
      customer: await customerOf(email),
    });
    await product.control('settle', { intent: intents[0]?.id });
    await available(50);
    await page.getByText('Payment received. 50 credits added.').waitFor();
  });

  it('a webhook that does not get through is not waited for, and its late arrival adds nothing', async () => {
    await product.control('faults', { down: true });
    try {
      await buy('Quick Scan');
      await page.getByText('Payment received. 50 credits added.').waitFor();
      await available(50);
    } finally {
      await product.control('reset-faults', {});
    }
    await product.control('retry-now', {});
    await expect.poll(() => product.undelivered()).toBe(0);
    await page.reload();
    await available(50);
    await page.getByText('+50', { exact: true }).waitFor();
    expect(await page.getByText('+50', { exact: true }).count()).toBe(1);
  });

  it('two tabs of one buyer get one checkout', async () => {
    await page.goto(`${product.app}/pricing.html`);
    await chooseAndSignUp('Quick Scan');
    const first = page.url();
    const other = await context.newPage();
    await other.goto(`${product.app}/pricing.html`);
    await other.getByRole('button', { name: 'Buy Quick Scan' }).click();
    await other.getByTestId('pay').waitFor();
    expect(other.url()).toBe(first);
  });

  it('the back button from the payment page leads to a page that works', async () => {
    await page.goto(`${product.app}/pricing.html`);
    await chooseAndSignUp('Quick Scan');
    const first = page.url();
    await page.goBack();
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    await page.getByTestId('pay').waitFor();
    expect(page.url()).toBe(first);
  });

  it.each([
    ['with cookies', false],
    ['with cookies blocked', true],
  ])(
    'chosen in the shop, signed in at the app, paid, and the credits are there (%s)',
    async (_name, blocked) => {
      if (blocked) {
        await context.close();
        context = await launchWithoutCookies();
        context.setDefaultTimeout(15_000);
        page = await context.newPage();
      }
      const requested: string[] = [];
      page.on('request', (request) => {
        requested.push(request.url(), request.headers()['referer'] ?? '');
      });
      await page.goto(`${product.shop}/pricing.html`);
      await page.getByLabel('How many Professional').fill('2');
      await page.getByRole('button', { name: 'Choose Professional' }).click();
      await page.waitForURL(`${product.app}/pricing.html?quantity=2`);
      const choice = page.getByRole('region', { name: 'Your choice' });
      await choice.getByText('2 × Professional').waitFor();
      expect(requested.filter((url) => url.includes('plan_session='))).toEqual([]);
      await choice.getByRole('button', { name: 'Sign in to continue' }).click();
      const sheet = page.getByRole('dialog', { name: 'Sign in' });
      await sheet.getByRole('button', { name: 'Create an account instead' }).click();
      const email = `buyer-${randomBytes(6).toString('hex')}@example.com`;
      await sheet.getByLabel('Email').fill(email);
      await sheet.getByLabel('Password').fill(PASSWORD);
      await sheet.getByRole('button', { name: 'Create account and continue to payment' }).click();
      await page.getByTestId('pay').click();
      if (blocked) {
        // Nothing can be kept from page to page, a sign-in neither: the page says so and asks again.
        await page.getByText('You come back from the checkout.').waitFor();
        await page.getByLabel('Email').fill(email);
        await page.getByLabel('Password').fill(PASSWORD);
        await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      }
      await page.getByText('Payment received. 1,200 credits added.').waitFor();
      await page.getByTestId('available').getByText('1,200', { exact: true }).waitFor();
    },
  );

  it('the operator sees the events and the lineage of an account', async () => {
    const email = await buy('Quick Scan');
    await available(50);
    await page.getByLabel('Pages').fill('13');
    await page.getByRole('button', { name: 'Scan' }).click();
    await available(37);
    await page.getByRole('button', { name: 'Sign out' }).click();

    await page.goto(`${product.app}/admin`);
    await page.getByRole('button', { name: 'Create an account instead' }).click();
    await page.getByLabel('Email').fill('operator@example.com');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('link', { name: 'checkout.session.completed' }).first().waitFor();
    await expectAccessible();
    await page.getByRole('link', { name: 'Accounts' }).click();
    await page.getByLabel('Account id, email').fill(await customerOf(email));
    await page.getByRole('button', { name: 'Search' }).click();
    await page.locator('th a.mono').first().click();
    await page.getByText('13 used or held, 37 left').waitFor();
    await expectAccessible();
    await page.getByRole('link', { name: 'checkout.session.completed' }).first().click();
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByText(/the event is now/).waitFor();
    await expectAccessible();
  });
});
