import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  axeViolations,
  type BuiltPages,
  buildPages,
  endAnimations,
  hasBrowser,
  keepPicture,
  launchBrowser,
} from './support/browser.ts';
import {
  ACCOUNT,
  allIsWell,
  basicPlan,
  FOUND,
  PASSWORD,
  PLANS,
  planPreview,
  someAccount,
  someBalance,
  someEvents,
  someHealth,
  someRuns,
  topUp,
} from './support/mock-data.ts';
import { type Mock, startMock } from './support/mock-service.ts';

const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' } as const;
const UNAVAILABLE = {
  status: 503,
  body: { code: 'database_unavailable', title: 'Unavailable', detail: 'Try again in a moment.' },
};

describe.skipIf(!hasBrowser)('the pages, in every state a service can put them in', () => {
  let browser: Browser;
  let pages: BuiltPages;
  let mock: Mock;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    pages = await buildPages();
    mock = await startMock(pages.directory);
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await mock?.close();
    await pages?.remove();
  });

  beforeEach(() => {
    allIsWell(mock);
    faults = [];
  });

  afterEach(async () => {
    await page.context().close();
    expect([...faults, ...mock.faults]).toEqual([]);
  });

  type Opening = BrowserContextOptions & { as?: 'buyer' | 'operator'; storage?: 'blocked' };

  async function open(path: string, options: Opening = {}): Promise<void> {
    const { as, storage, ...context } = options;
    page = await (await browser.newContext(context)).newPage();
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) {
        faults.push(message.text());
      }
    });
    if (storage === 'blocked') {
      await page.addInitScript(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })",
      );
    }
    await page.goto(mock.url + path);
    if (as !== undefined) {
      await page.getByLabel('Email').fill(`${as}@example.com`);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    }
  }

  async function look(name: string): Promise<void> {
    await keepPicture(page, name);
  }

  async function expectAccessible(): Promise<void> {
    await endAnimations(page);
    expect(await axeViolations(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThan(
      1,
    );
  }

  describe('pricing', () => {
    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('shows plans and packs with what a credit costs (%s)', async (_name, options) => {
      await open('/pricing.html', options);
      await page.getByRole('heading', { name: 'Vision Pro' }).waitFor();
      expect(await page.getByRole('listitem').count()).toBe(PLANS.length);
      expect(await page.getByText('$0.058 a scan').isVisible()).toBe(true);
      expect(await page.getByText('Credits last 1 year').count()).toBe(0);
      await expectAccessible();
    });

    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('asks a visitor to sign in, then goes on to payment (%s)', async (_name, options) => {
      await open('/pricing.html', options);
      await page.getByRole('button', { name: 'Choose Quick Scan' }).click();
      const sheet = page.getByRole('dialog', { name: 'Sign in' });
      await sheet.waitFor();
      await expectAccessible();
      await sheet.getByLabel('Email').fill('ada@example.com');
      await sheet.getByLabel('Password').fill('wrong');
      await sheet.getByRole('button', { name: 'Sign in and continue to payment' }).click();
      await sheet.getByRole('alert').getByText('do not match').waitFor();
      await expectAccessible();
      await sheet.getByLabel('Password').fill(PASSWORD);
      await sheet.getByRole('button', { name: 'Sign in and continue to payment' }).click();
      await page.waitForURL('**/elsewhere?checkout');
      expect(
        mock.asked.findLast(({ path }) => path === '/api/create-checkout-session'),
      ).toMatchObject({
        body: { priceId: 'price_QUICK_SCAN', planSession: 'plan-token' },
      });
    });

    it('can be used with the keyboard alone', async () => {
      await open('/pricing.html');
      await page.getByRole('heading', { name: 'Basic' }).waitFor();
      await page.keyboard.press('Tab');
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content');
      const focused = () => page.evaluate('document.activeElement.textContent');
      for (let presses = 0; presses < 10; presses += 1) {
        await page.keyboard.press('Tab');
        if ((await focused()) === 'Choose Basic') {
          break;
        }
      }
      await page.keyboard.press('Enter');
      const sheet = page.getByRole('dialog', { name: 'Sign in' });
      await sheet.waitFor();
      expect(await page.evaluate("document.activeElement.closest('dialog') !== null")).toBe(true);
      await page.keyboard.press('Escape');
      await sheet.waitFor({ state: 'hidden' });
      expect(await focused()).toBe('Choose Basic');
    });

    it('starts one checkout for a double click', async () => {
      mock.answers.set('POST /api/create-checkout-session', { never: true });
      await open('/index.html', { as: 'buyer' });
      await page.getByTestId('available').waitFor();
      await page.goto(`${mock.url}/pricing.html`);
      await page.getByRole('button', { name: 'Buy Power Pack' }).dblclick();
      await page.getByRole('button', { name: 'Opening… Power Pack' }).waitFor();
      const started = () =>
        mock.asked.filter(({ path }) => path === '/api/create-checkout-session');
      await expect.poll(started).toHaveLength(1);
      await expectAccessible();
      expect(started()).toHaveLength(1);
    });

    it('restores the chosen plan after a cancelled checkout, and puts it back on request', async () => {
      await open('/pricing.html?canceled=true&plan=vision_pro', PHONE);
      await page.getByRole('status').getByText('Vision Pro is still chosen').waitFor();
      const choice = page.getByRole('region', { name: 'Your choice' });
      expect(await choice.textContent()).toContain('500 credits');
      await expectAccessible();
      await choice.getByRole('button', { name: 'Put back' }).click();
      await choice.waitFor({ state: 'detached' });
    });

    it('remembers the choice over a reload when cookies are blocked', async () => {
      await open('/pricing.html');
      await page.getByRole('button', { name: 'Choose Professional' }).click();
      await page.getByRole('button', { name: 'Close' }).click();
      await page.reload();
      await page.getByRole('region', { name: 'Your choice' }).getByText('Professional').waitFor();
    });

    it('works where storage is blocked altogether', async () => {
      await open('/pricing.html', { storage: 'blocked' });
      await page.getByRole('button', { name: 'Choose Quick Scan' }).click();
      const sheet = page.getByRole('dialog', { name: 'Sign in' });
      await sheet.getByLabel('Email').fill('ada@example.com');
      await sheet.getByLabel('Password').fill(PASSWORD);
      await sheet.getByRole('button', { name: 'Sign in and continue to payment' }).click();
      await page.waitForURL('**/elsewhere?checkout');
    });

    it('shows another tab’s choice', async () => {
      await open('/pricing.html');
      await page.getByRole('heading', { name: 'Quick Scan' }).waitFor();
      const other = await page.context().newPage();
      await other.goto(`${mock.url}/pricing.html`);
      await other.getByRole('button', { name: 'Choose Basic' }).click();
      await page.getByRole('region', { name: 'Your choice' }).getByText('Basic').waitFor();
    });

    it('hands the choice to the sign-in domain behind #, and takes it out of the address there', async () => {
      const { port } = new URL(mock.url);
      const body = {
        supabaseUrl: null,
        supabasePublishableKey: null,
        creditDecimals: 0,
        appUrl: `http://app.localhost:${port}`,
        development: true,
      };
      mock.answers.set('GET /api/config', { body });
      mock.answers.set('POST /api/plan-session', (asked) => ({
        body: {
          token: 'secret-token',
          priceId: (asked as { priceId?: string }).priceId ?? 'price_BASIC_MONTHLY',
          planType: 'basic',
          metadata: {},
          expiresAt: new Date(Date.now() + 900_000).toISOString(),
        },
      }));
      await open('/pricing.html');
      await page.getByRole('button', { name: 'Choose Basic' }).click();
      await page.waitForURL(`http://app.localhost:${port}/pricing.html`);
      await page.getByRole('region', { name: 'Your choice' }).getByText('Basic').waitFor();
      expect(mock.asked.filter(({ path }) => path.includes('secret-token'))).toEqual([]);
      expect(mock.asked.map((each) => each.body)).toContainEqual({ token: 'secret-token' });
    });

    it('sends a subscriber to change the plan instead of buying a second one', async () => {
      mock.answers.set('POST /api/create-checkout-session', {
        status: 409,
        body: {
          code: 'already_subscribed',
          title: 'Subscribed',
          detail: 'Change it in the portal.',
        },
      });
      await open('/index.html', { as: 'buyer' });
      await page.getByTestId('available').waitFor();
      await page.goto(`${mock.url}/pricing.html`);
      await page.getByRole('button', { name: 'Subscribe Vision Max' }).click();
      await page.getByText('You have a subscription already.').waitFor();
      await expectAccessible();
      mock.answers.set('GET /api/subscriptions', { body: { subscriptions: [basicPlan()] } });
      mock.answers.set('POST /api/change-plan/preview', { body: planPreview() });
      await page.getByRole('link', { name: 'Change my plan' }).click();
      await page.getByRole('dialog', { name: 'Change plan' }).getByTestId('due').waitFor();
      expect(mock.asked.findLast(({ path }) => path === '/api/change-plan/preview')).toMatchObject({
        body: { priceId: 'price_MAX_MONTHLY', subscription: 'sub_1' },
      });
      expect(new URL(page.url()).search).toBe('');
    });

    it('says that it loads, that it failed and that nothing is on sale', async () => {
      mock.answers.set('GET /api/plans', { never: true });
      await open('/pricing.html', PHONE);
      await page.getByText('Loading the plans').waitFor();
      await expectAccessible();
      mock.answers.set('GET /api/plans', UNAVAILABLE);
      await page.reload();
      await page.getByRole('alert').getByText('The plans could not be loaded').waitFor();
      await expectAccessible();
      mock.answers.set('GET /api/plans', { body: { plans: [] } });
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('Nothing is on sale').waitFor();
      await expectAccessible();
    });

    it('shows no amount rather than a wrong one while Stripe cannot be asked', async () => {
      const plans = PLANS.map((plan) => ({ ...plan, amountMinor: null, currency: null }));
      mock.answers.set('GET /api/plans', { body: { plans } });
      await open('/pricing.html');
      await page.getByText('Price at checkout').first().waitFor();
      expect(await page.getByText('NaN').count()).toBe(0);
    });
  });

  describe('account', () => {
    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('shows the balance, what expires, usage and history (%s)', async (_name, options) => {
      await open('/index.html', options);
      await page.getByRole('heading', { name: /Your credits/ }).waitFor();
      await expectAccessible();
      await page.getByLabel('Email').fill('ada@example.com');
      await page.getByLabel('Password').fill(PASSWORD);
      await page.keyboard.press('Enter');
      await page.getByTestId('available').getByText('300', { exact: true }).waitFor();
      await page.getByText('Expires in 4 days').waitFor();
      await page.getByRole('img', { name: /274 in all, at most 40 in one day/ }).waitFor();
      await page.getByText('Scan × 3').click();
      await page.getByText('from basic plan monthly').first().waitFor();
      const legend = page.getByRole('list', { name: 'Credits used by meter' });
      expect(await legend.getByRole('listitem').allInnerTexts()).toEqual([
        expect.stringMatching(/^page\s+\d+$/),
        expect.stringMatching(/^page\.vision\s+\d+$/),
        expect.stringMatching(/^tokens\s+\d+$/),
        expect.stringMatching(/^Other\s+12$/),
      ]);
      await look(`usage ${_name}`);
      await page.getByText('Show as a table').click();
      await page.getByRole('columnheader', { name: 'page.vision' }).waitFor();
      await expectAccessible();
    });

    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('asks for consent to the very terms of a top-up (%s)', async (_name, options) => {
      mock.answers.set('GET /api/top-up', { body: { ...topUp(), consent: null } });
      mock.answers.set('POST /api/top-up', { body: topUp({ maxPerMonth: 4 }) });
      await open('/index.html', { ...options, as: 'buyer' });
      const on = page.getByRole('button', { name: 'Turn on auto top-up' });
      await on.waitFor();
      expect(await on.isDisabled()).toBe(true);
      const consent = page.getByRole('checkbox', {
        name: /Charge my saved card \$5, plus any tax/,
      });
      await consent.check();
      // Other terms are another consent.
      await page.getByLabel('At most, per month').fill('4');
      expect(await consent.isChecked()).toBe(false);
      await page.getByText('at most 4 times in a calendar month ($20)').waitFor();
      await expectAccessible();
      await consent.check();
      await on.click();
      await page.getByText('at most 4 times a month').waitFor();
      const asked = mock.asked.findLast(({ path }) => path === '/api/top-up');
      expect(asked?.body).toEqual({
        consent: true,
        priceId: 'price_QUICK_SCAN',
        quantity: 1,
        threshold: 20,
        maxPerMonth: 4,
        amountMinor: 500,
        currency: 'usd',
      });
      await expectAccessible();
    });

    it.each([
      ['no_payment_method', 'no saved card', 'Save a card'],
      ['card_declined', 'Your card was declined', 'Save a card'],
      ['authentication_required', 'wanted you to confirm', 'Resume'],
      ['debt', 'below zero', 'Resume'],
      ['disputed', 'disputed with the bank', 'Resume'],
      ['price_changed', 'The price has changed', 'Change'],
    ])('says why top-up is paused, and what to do: %s', async (pauseReason, why, what) => {
      mock.answers.set('GET /api/top-up', { body: topUp({ status: 'paused', pauseReason }) });
      await open('/index.html', { ...PHONE, as: 'buyer' });
      await page.getByText('Auto top-up is paused.').waitFor();
      expect(await page.getByText(why).isVisible()).toBe(true);
      expect(await page.getByRole('button', { name: what, exact: true }).isVisible()).toBe(true);
      await expectAccessible();
    });

    it('tells of a card that was declined and will be tried again', async () => {
      const declined = {
        topUpId: ACCOUNT,
        status: 'failed',
        credits: 50,
        amountMinor: 500,
        currency: 'usd',
        failureCode: 'insufficient_funds',
        payUrl: null,
        createdAt: '2026-11-02T09:00:00.000Z',
      } as const;
      mock.answers.set('GET /api/top-up', { body: topUp({}, [declined]) });
      await open('/index.html', { ...PHONE, as: 'buyer' });
      await page.getByText('The last top-up did not go through.').waitFor();
      expect(await page.getByText('Below 20 credits').isVisible()).toBe(true);
      await expectAccessible();
    });

    it('leads to the bank’s question where a top-up waits for it, and shows nothing where none is offered', async () => {
      const waiting = {
        topUpId: ACCOUNT,
        status: 'needs_action',
        credits: 50,
        amountMinor: 500,
        currency: 'usd',
        failureCode: 'authentication_required',
        payUrl: `${mock.url}/elsewhere?confirm`,
        createdAt: '2026-11-02T09:00:00.000Z',
      } as const;
      mock.answers.set('GET /api/top-up', { body: topUp({}, [waiting]) });
      await open('/index.html', { as: 'buyer' });
      await page.getByText('Your bank asks you to confirm').waitFor();
      await expectAccessible();
      await page.getByRole('link', { name: 'Confirm the payment' }).click();
      await page.waitForURL('**/elsewhere?confirm');
      await page.context().close();

      mock.answers.set('GET /api/top-up', { body: { consent: null, topUps: [], offers: [] } });
      await open('/index.html', { as: 'buyer' });
      await page.getByTestId('available').getByText('300', { exact: true }).waitFor();
      expect(await page.getByRole('heading', { name: 'Auto top-up' }).count()).toBe(0);
    });

    it('follows the live balance', async () => {
      await open('/index.html', { as: 'buyer' });
      const available = page.getByTestId('available');
      await available.getByText('300', { exact: true }).waitFor();
      mock.pushBalance({ posted: 350, held: 12, available: 338, nextExpiryAt: null });
      await available.getByText('338', { exact: true }).waitFor();
      await page.getByText('338 credits', { exact: true }).waitFor();
    });

    it('greets a new customer with empty states', async () => {
      mock.answers.set('GET /api/balance', {
        body: { posted: 0, held: 0, available: 0, nextExpiryAt: null, grants: [] },
      });
      mock.answers.set('GET /api/transactions', { body: { transactions: [], nextCursor: null } });
      const range = { from: '2026-11-01', to: '2026-11-30' };
      mock.answers.set('GET /api/usage', (_body, url) => ({
        body: url.includes('by=')
          ? { ...range, by: ['day', 'meter'], groups: [] }
          : { ...range, days: [] },
      }));
      await open('/index.html', { ...PHONE, as: 'buyer' });
      await page.getByText('No credits available').waitFor();
      await page.getByText('Nothing has happened yet').waitFor();
      await page.getByText('No credits used yet').waitFor();
      await expectAccessible();
    });

    it.each([
      ['a low balance', { posted: 7, held: 0, available: 7 }, '7 credits left', '7 credits'],
      // With a minus sign, not a hyphen.
      [
        'a debt',
        { posted: -12, held: 0, available: -12 },
        '12 credits to settle',
        '\u221212 credits',
      ],
      [
        'everything held',
        { posted: 20, held: 20, available: 0 },
        '20 credits are held',
        '0 credits',
      ],
    ])('tells of %s, in the header too', async (_name, balance, said, badge) => {
      mock.answers.set('GET /api/balance', {
        body: { ...someBalance(Date.now()), ...balance, nextExpiryAt: null },
      });
      await open('/index.html', { as: 'buyer' });
      await page.getByText(said).waitFor();
      await page.locator('header').getByText(badge, { exact: true }).waitFor();
      await expectAccessible();
    });

    it('says what could not be loaded and tries again on request', async () => {
      for (const path of ['balance', 'transactions', 'usage', 'balance/stream']) {
        mock.answers.set(`GET /api/${path}`, UNAVAILABLE);
      }
      await open('/index.html', { ...PHONE, as: 'buyer' });
      await page.getByText('Your history could not be loaded').waitFor();
      await page.getByText('The balance could not be loaded').waitFor();
      await expectAccessible();
      allIsWell(mock);
      mock.answers.delete('GET /api/balance/stream');
      for (const part of ['expiry', 'usage', 'history']) {
        await page.locator(`.${part}-part`).getByRole('button', { name: 'Try again' }).click();
      }
      await page.getByTestId('available').getByText('300', { exact: true }).waitFor();
      await page.getByText('Power pack purchase').first().waitFor();
    });

    it('spends credits on a demo scan, and says when there are too few', async () => {
      await open('/index.html', { as: 'buyer' });
      await page.getByLabel('Pages').fill('3');
      await page.getByRole('button', { name: 'Scan' }).click();
      await page.getByText('3 pages read for 3 credits. 297 credits left.').waitFor();
      mock.answers.set('POST /api/demo/scan', {
        status: 402,
        body: { code: 'insufficient_credits', title: 'Too few', available: 1, required: 3 },
      });
      await page.getByRole('button', { name: 'Scan' }).click();
      await page.getByText('not enough credits').waitFor();
      await expectAccessible();
    });
  });

  describe('the return from checkout', () => {
    const RETURN = '/index.html?success=true&session_id=cs_1&plan=credits';
    const status = (state: string) => ({
      body: {
        sessionId: 'cs_1',
        state,
        priceId: 'price_QUICK_SCAN',
        planType: 'credits',
        credits: 50,
      },
    });

    it('waits for a late webhook, then says what arrived and forgets the choice', async () => {
      mock.answers.set('GET /api/checkout-sessions/cs_1', status('processing'));
      await open(RETURN, { as: 'buyer' });
      await page.getByText('Confirming your payment…').waitFor();
      await expectAccessible();
      mock.answers.set('GET /api/checkout-sessions/cs_1', status('paid'));
      await page.getByText('Payment received. 50 credits added.').waitFor();
      await expectAccessible();
      await expect
        .poll(() =>
          mock.asked.some(({ method, path }) => `${method} ${path}` === 'DELETE /api/plan-session'),
        )
        .toBe(true);
      await page.getByRole('button', { name: 'Dismiss' }).click();
      expect(new URL(page.url()).search).toBe('');
    });

    it.each([
      ['pending', 'Payment pending', 'need not pay again'],
      ['failed', 'The payment did not go through.', 'Nothing was charged'],
      ['expired', 'This checkout has expired.', 'Nothing was charged'],
      ['open', 'This checkout is not finished.', 'Nothing was charged yet'],
    ])('tells a %s payment as what it is', async (state, title, said) => {
      mock.answers.set('GET /api/checkout-sessions/cs_1', status(state));
      await open(RETURN, { ...PHONE, as: 'buyer' });
      const notice = page.locator('.notice').filter({ hasText: title });
      await notice.waitFor();
      expect(await notice.textContent()).toContain(said);
      expect(await notice.getAttribute('role')).toBe(state === 'failed' ? 'alert' : 'status');
      await expectAccessible();
    });

    it('does not take somebody else’s session for a failure to pay', async () => {
      mock.answers.set('GET /api/checkout-sessions/cs_1', {
        status: 404,
        body: { code: 'not_found', title: 'Not found', detail: 'No such checkout.' },
      });
      await open(RETURN, { as: 'buyer' });
      await page.getByText('We could not look up your payment.').waitFor();
      await expectAccessible();
    });
  });

  describe('the console', () => {
    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('shows an event with its error and replays it (%s)', async (_name, options) => {
      await open('/admin', { ...options, as: 'operator' });
      await page.getByRole('link', { name: 'checkout.session.completed' }).click();
      const detail = page.getByRole('article');
      await detail.getByText('price_SUMMER_SALE is not in the catalogue').waitFor();
      await expectAccessible();
      await detail.getByRole('button', { name: 'Replay' }).click();
      await detail.getByText('the event is now processed').waitFor();
    });

    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('finds an account and shows which grant paid for what (%s)', async (_name, options) => {
      await open('/admin#/accounts', { ...options, as: 'operator' });
      await page.getByLabel('Account id, email').fill('cus_PqR5tZ');
      await page.getByRole('button', { name: 'Search' }).click();
      // One account is meant: nobody has to choose it.
      await page.getByText('38 used or held, 62 left').waitFor();
      expect(new URL(page.url()).hash).toBe(`#/accounts/${ACCOUNT}`);
      await page.getByRole('button', { name: 'Basic plan monthly' }).first().click();
      expect(await page.locator('[data-open]').count()).toBe(6);
      const topUps = page.getByRole('region', { name: 'Auto top-up' });
      expect(await topUps.getByText('Paused').isVisible()).toBe(true);
      expect(await topUps.getByText('Your card was declined.').isVisible()).toBe(true);
      await expectAccessible();
    });

    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])(
      'lands on the account of a payment, with its events, and on an event (%s)',
      async (_name, options) => {
        const events = someEvents(Date.now());
        mock.answers.set('GET /api/admin/accounts', {
          body: { ...FOUND, stripeId: 're_3PqA', events: events.slice(2, 3) },
        });
        await open('/admin#/accounts', { ...options, as: 'operator' });
        const box = page.getByLabel('Account id, email or any Stripe id');
        await box.fill('re_3PqA');
        await box.press('Enter');
        await page.getByRole('heading', { name: 'Events about re_3PqA' }).waitFor();
        await page.getByRole('article', { name: 'ada@example.com' }).waitFor();
        expect(mock.asked.map(({ path }) => path)).toContain('/api/admin/accounts?query=re_3PqA');
        await expectAccessible();
        mock.answers.set('GET /api/admin/accounts', {
          body: { ...FOUND, stripeId: 'evt_1QaaE', accounts: [], events: events.slice(1, 2) },
        });
        await box.fill('https://dashboard.stripe.com/events/evt_1QaaE');
        await box.press('Enter');
        await page.getByRole('article', { name: 'Event evt_1QaaE' }).waitFor();
      },
    );

    it.each([
      ['a payment that nobody has been found for', { events: true }, 'belongs to no account yet.'],
      ['an account without a ledger', { withoutLedger: [ACCOUNT] }, 'an account without a ledger.'],
      ['what never arrived', { atStripe: 'known' }, 'and no event about it has come.'],
      ['what nobody knows', { atStripe: 'unknown' }, 'Neither the inbox nor Stripe knows “pi_1”.'],
      ['what names nothing', {}, 'No account matches “pi_1”.'],
    ])('says where to look for %s', async (_name, part, said) => {
      const events = 'events' in part ? someEvents(Date.now()).slice(1, 2) : [];
      mock.answers.set('GET /api/admin/accounts', {
        body: { ...FOUND, stripeId: 'pi_1', accounts: [], ...part, events },
      });
      await open('/admin#/accounts', { as: 'operator' });
      await page.getByLabel('Account id, email').fill('pi_1');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByRole('status').getByText(said).waitFor();
      await expectAccessible();
    });

    it.each([
      ['desktop, dark', { colorScheme: 'dark' }],
      ['phone, light', { viewport: PHONE.viewport }],
    ] as const)('shows what an account used its credits for (%s)', async (name, options) => {
      await open(`/admin#/accounts/${ACCOUNT}`, { ...options, as: 'operator' });
      const groups = page.getByRole('region', { name: 'Usage by meter, feature and actor' });
      await groups.getByRole('row', { name: 'page.vision receipts grace 14 42' }).waitFor();
      await page.getByRole('img', { name: /274 in all, at most 40 in one day/ }).waitFor();
      await look(`console usage ${name}`);
      await expectAccessible();
    });

    it('shows who changed a balance by hand, and why, in their own words', async () => {
      const account = someAccount(Date.now());
      const [entry, ...others] = account.entries;
      const [grant] = account.grants;
      const reason = 'goodwill: evt_1Q late';
      const byHand = { ...entry, kind: 'adjustment', reason, amount: 10 };
      mock.answers.set(`GET /api/admin/accounts/${ACCOUNT}`, {
        body: {
          ...account,
          grants: [{ ...grant, source: 'manual', reason, actor: ACCOUNT, metadata: {} }],
          entries: [
            { ...byHand, actor: 'ada' },
            { ...byHand, entryNo: 100, actor: ACCOUNT },
            ...others,
          ],
        },
      });
      await open(`/admin#/accounts/${ACCOUNT}`, { as: 'operator' });
      const ledger = page.getByRole('region', { name: 'Ledger entries' });
      await ledger.getByText('Adjustment · goodwill: evt_1Q late').first().waitFor();
      expect(await ledger.getByText('by ada', { exact: true }).isVisible()).toBe(true);
      expect(await ledger.getByText('by operator 6b3c0a52…').isVisible()).toBe(true);
      const grants = page.getByRole('region', { name: 'Table of grants' });
      expect(await grants.getByText('by operator 6b3c0a52…').isVisible()).toBe(true);
      expect(await grants.getByText(reason).isVisible()).toBe(true);
      await expectAccessible();
    });

    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('shows what a change by hand will do, and does it once (%s)', async (_name, options) => {
      const path = `/api/admin/accounts/${ACCOUNT}/adjust`;
      const changes = () => mock.asked.filter((asked) => asked.path === path);
      const tooFew = { code: 'insufficient_credits', title: 'Too few', detail: 'Only 300 left.' };
      mock.answers.set(`POST ${path}`, { status: 402, body: tooFew });
      await open(`/admin#/accounts/${ACCOUNT}`, { ...options, as: 'operator' });
      await page.getByLabel('What').waitFor();
      expect(await page.evaluate("document.activeElement.closest('.change-form')")).toBe(null);
      await page.getByLabel('What').selectOption('adjust');
      await page.getByLabel('Credits', { exact: true }).fill('-25');
      await page.getByLabel('Reason').fill('<img src=x onerror=alert(1)>');
      const look = page.getByRole('button', { name: 'Look at the effect' });
      await look.press('Enter');
      const effect = page.getByText('available goes from 300 to 275');
      await effect.waitFor();
      expect(await page.evaluate('document.activeElement.textContent')).toContain('300 to 275');
      expect(changes()).toEqual([]);
      await expectAccessible();
      await page.getByRole('button', { name: 'Confirm' }).dblclick();
      await page.getByRole('alert').getByText('Only 300 left.').waitFor();
      await expectAccessible();
      await page.getByRole('button', { name: 'Back' }).click();
      await look.click();
      mock.answers.set(`POST ${path}`, {
        body: { entryId: 'e10', posted: 287, held: 12, available: 275, replayed: false },
      });
      await page.getByRole('button', { name: 'Confirm' }).click();
      await page.getByRole('status').getByText('275 credits available now').waitFor();
      const keys = new Set(
        changes().map(({ body }) => (body as { idempotencyKey: string }).idempotencyKey),
      );
      expect(keys.size).toBe(1);
      expect(changes().at(-1)?.body).toMatchObject({ amount: -25 });
    });

    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])(
      'shows how many events wait and how late they are, and then those (%s)',
      async (_name, options) => {
        const now = Date.now();
        const late = { ...someHealth(now), lagSeconds: 380 };
        mock.answers.set('GET /api/admin/health', { body: late });
        await open('/admin', { ...options, as: 'operator' });
        const inbox = page.locator('dl[aria-label="Inbox"]');
        await inbox.getByText('6 minutes overdue: no service runs its jobs').waitFor();
        const shown = await inbox.locator('div').allTextContents();
        expect(shown.slice(1)).toEqual([
          'Needs attention2',
          'Received0',
          'Failed, will retry1',
          'Dead1',
          'Processed1,204',
          'Skipped310',
        ]);
        await inbox.getByRole('button', { name: '1, show them' }).last().press('Enter');
        await expect
          .poll(() => mock.asked.some(({ path }) => path === '/api/admin/events?status=dead'))
          .toBe(true);
        expect(await page.getByLabel('Show', { exact: true }).inputValue()).toBe('dead');
        await expectAccessible();
      },
    );

    it.each([
      ['desktop, light', {}],
      ['phone, dark', PHONE],
    ])('shows what reconcile found, and compares again (%s)', async (_name, options) => {
      await open('/admin', { ...options, as: 'operator' });
      await page.getByText('2 found, 24 minutes ago').waitFor();
      await page.getByRole('link', { name: 'Reconcile' }).click();
      const daily = page.getByRole('article', { name: 'Daily: everything' });
      await daily.getByText('Process cs_1Q as the webhook would.').waitFor();
      expect(await daily.getByText('50 missing').isVisible()).toBe(true);
      const hourly = page.getByRole('article', { name: 'Hourly: the last day' });
      await hourly.getByText('Stripe, billing and the ledger agree.').waitFor();
      await expectAccessible();
      const run = someRuns(Date.now())[1];
      const byHand = { ...run, runId: 'r', kind: 'by_hand', sinceDays: 3, startedBy: 'ada' };
      const old = { ...run, finishedAt: new Date(Date.now() - 9 * 3_600_000).toISOString() };
      mock.answers.set('POST /api/admin/reconcile', { body: { runs: [byHand, old] } });
      mock.answers.set('GET /api/admin/reconcile', { body: { runs: [byHand, old] } });
      await page.getByRole('button', { name: 'Compare now' }).press('Enter');
      await page.getByRole('status').getByText('Compared: 2 faults found.').waitFor();
      await page.getByRole('article', { name: 'By hand: the last 3 days' }).waitFor();
      await page.getByText('A running service makes one each hour.').waitFor();
      expect(mock.asked.filter(({ method }) => method === 'POST').at(-1)?.body).toEqual({
        days: 3,
      });
      await expectAccessible();
      mock.answers.set('POST /api/admin/reconcile', UNAVAILABLE);
      await page.getByRole('button', { name: 'Compare now' }).click();
      await page.getByRole('alert').getByText('Try again in a moment.').waitFor();
    });

    it('says when a comparison failed, is under way or was cut off', async () => {
      const [run] = someRuns(Date.now());
      const begun = { ...run, finishedAt: null, found: null, findings: null };
      const failed = { ...begun, state: 'failed', error: 'Stripe did not answer: timeout' };
      mock.answers.set('GET /api/admin/reconcile', {
        body: {
          runs: [
            { ...begun, runId: '1', kind: 'by_hand', state: 'running', startedBy: 'ada' },
            { ...failed, runId: '2' },
            { ...begun, runId: '3', kind: 'daily', sinceDays: 30, state: 'lost' },
          ],
        },
      });
      await open('/admin#/reconcile', { as: 'operator' });
      await page.getByText('Under way…').waitFor();
      await page.getByText('Nothing was compared: Stripe did not answer: timeout').waitFor();
      await page.getByText('It never ended: its process was stopped.').waitFor();
      await expectAccessible();
    });

    it('is closed to people who are no operators', async () => {
      await open('/admin', { as: 'buyer' });
      await page.getByText('This page is for operators.').waitFor();
      expect(mock.asked.filter(({ path }) => path.startsWith('/api/admin'))).toEqual([]);
      await expectAccessible();
    });
  });

  it('says so when the service does not answer at all', async () => {
    mock.answers.set('GET /api/config', UNAVAILABLE);
    await open('/index.html');
    await page.getByRole('alert').waitFor();
    await expectAccessible();
    allIsWell(mock);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: /Your credits/ }).waitFor();
  });
});
