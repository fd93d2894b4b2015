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
import { allIsWell, basicPlan, PASSWORD, planPreview } from './support/mock-data.ts';
import { type Mock, startMock } from './support/mock-service.ts';

const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' } as const;

describe.skipIf(!hasBrowser)('the sheet that changes a plan, in every state', () => {
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
    mock.answers.set('GET /api/subscriptions', { body: { subscriptions: [basicPlan()] } });
    mock.answers.set('POST /api/change-plan/preview', { body: planPreview() });
  });
  afterEach(async () => {
    await page.context().close();
    expect(faults).toEqual([]);
  });

  async function open(context: BrowserContextOptions = {}): Promise<void> {
    page = await (await browser.newContext(context)).newPage();
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(`${mock.url}/index.html`);
    await page.getByLabel('Email').fill('buyer@example.com');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }

  const sheet = () => page.getByRole('dialog', { name: 'Change plan' });

  async function openSheet(context: BrowserContextOptions = {}): Promise<void> {
    await open(context);
    await page.getByRole('button', { name: 'Change plan' }).click();
    await sheet().waitFor();
  }

  async function choose(name: string): Promise<void> {
    await sheet().getByRole('radio', { name }).check();
  }

  async function look(name: string): Promise<void> {
    await endAnimations(page);
    await keepPicture(page, `sheet-${name}`, { fullPage: false });
    expect(await axeViolations(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThan(
      1,
    );
  }

  it.each([
    ['desktop, light', {}],
    ['phone, dark', PHONE],
  ])('shows money and credits before anything is agreed to (%s)', async (name, options) => {
    await openSheet(options);
    await sheet().getByText('Choose a plan to see what it costs').waitFor();
    expect(await sheet().getByRole('radio', { name: 'Basic' }).isDisabled()).toBe(true);
    await look(`open ${name}`);
    await choose('Vision Pro');
    await sheet().getByTestId('due').getByText('$10.00', { exact: true }).waitFor();
    await sheet().getByTestId('after').getByText('500', { exact: true }).waitFor();
    for (const text of ['−$4.50', '$14.50', '+250', '−50', 'Then 500 credits for $29 a month']) {
      await sheet().getByText(text).first().waitFor();
    }
    await look(`shown ${name}`);
    expect(mock.asked.filter(({ path }) => path === '/api/change-plan')).toEqual([]);
    await sheet().getByRole('button', { name: 'Keep Basic' }).click();
    await sheet().waitFor({ state: 'hidden' });
  });

  const changed = {
    subscriptionId: 'sub_1',
    to: planPreview().to,
    payment: 'paid',
    invoiceId: 'in_1',
    credits: { added: 250, back: 50 },
    replayed: false,
  };

  it('says that credits are there when they came before the answer', async () => {
    await openSheet();
    await choose('Vision Pro');
    mock.answers.set('POST /api/change-plan', { body: changed });
    await page.route('**/api/change-plan', async (route) => {
      mock.pushBalance({ posted: 512, held: 12, available: 500, nextExpiryAt: null });
      await page.getByText('500', { exact: true }).first().waitFor({ state: 'attached' });
      await route.continue();
    });
    await sheet().getByRole('button', { name: 'Pay $10 and change to Vision Pro' }).click();
    await page.getByText('250 credits added, 50 back.').waitFor();
  });

  it('changes once for a double click, and says that credits follow until they are there', async () => {
    await openSheet();
    await choose('Vision Pro');
    mock.answers.set('POST /api/change-plan', { body: changed });
    await sheet().getByRole('button', { name: 'Pay $10 and change to Vision Pro' }).dblclick();
    await sheet().waitFor({ state: 'hidden' });
    await page.getByText('You are on Vision Pro now.').waitFor();
    await page.getByText('Your credits follow in a moment.').waitFor();
    await look('waiting');
    expect(mock.asked.filter(({ path }) => path === '/api/change-plan')).toEqual([
      { method: 'POST', path: '/api/change-plan', body: { preview: 'shown-first' } },
    ]);
    mock.pushBalance({ posted: 512, held: 12, available: 500, nextExpiryAt: null });
    await page.getByText('250 credits added, 50 back.').waitFor();
    // The webhook about the subscription is late: the plan that was agreed to stands all the same.
    const part = page.getByRole('region', { name: 'Your plan' });
    await part.getByText('Vision Pro', { exact: true }).waitFor();
    await look('arrived');
  });

  it('asks for the price of more seats once they are typed, and of none that the buyer has', async () => {
    const seats = { ...basicPlan(), quantity: 2 };
    mock.answers.set('GET /api/subscriptions', { body: { subscriptions: [seats] } });
    await openSheet(PHONE);
    await sheet().getByText('or a number of seats').waitFor();
    await look('seats');
    const asked = () =>
      mock.asked
        .filter(({ path }) => path === '/api/change-plan/preview')
        .map(({ body }) => body as { quantity?: number; priceId: string });
    const field = sheet().getByLabel('Seats');
    await field.pressSequentially('0');
    await sheet().getByTestId('due').waitFor();
    await field.fill('');
    await field.fill('12');
    await expect.poll(asked).toMatchObject([
      { priceId: 'price_BASIC_MONTHLY', quantity: 20 },
      { priceId: 'price_BASIC_MONTHLY', quantity: 12 },
    ]);
    await sheet().getByRole('radio', { name: '12 × Basic', checked: true }).waitFor();
    await look('seats chosen');
    // What they have already is no change.
    await field.fill('2');
    await sheet().getByText('or a number of seats').waitFor();
    await choose('Vision Pro');
    await expect.poll(asked).toHaveLength(3);
    expect(asked()[2]).not.toHaveProperty('quantity');
  });

  it('shows what is kept, and warns of debt, before it is made', async () => {
    const charge = { totalMinor: -1000, dueMinor: 0, keptMinor: 1000, fromBalanceMinor: 0 };
    const credits = { added: 50, back: 250, available: 100, availableAfter: -100 };
    mock.answers.set('POST /api/change-plan/preview', { body: planPreview({ charge, credits }) });
    await openSheet(PHONE);
    await choose('Vision Pro');
    await sheet().getByText('Kept for your next invoices').waitFor();
    await sheet().getByText('100 credits will be settled by the next ones you get.').waitFor();
    await sheet().getByRole('button', { name: 'Change to Vision Pro' }).waitFor();
    await look('debt');
  });

  it('says when all is on the next invoice, with discount, tax and balance', async () => {
    const charge = {
      when: 'next_invoice',
      date: '2026-12-16T09:00:00.000Z',
      discountMinor: 100,
      taxMinor: 190,
      fromBalanceMinor: 300,
      totalMinor: 1090,
      dueMinor: 790,
    } as const;
    mock.answers.set('POST /api/change-plan/preview', { body: planPreview({ charge }) });
    await openSheet();
    await choose('Vision Pro');
    for (const text of ['Money, on ', 'Discount', 'Tax', 'From your balance', '$7.90']) {
      await sheet().getByText(text).first().waitFor();
    }
    await sheet().getByRole('button', { name: 'Change to Vision Pro' }).waitFor();
    await look('later');
  });

  it('shows a new preview instead of a change that would be another one', async () => {
    await openSheet();
    await choose('Vision Pro');
    await sheet().getByTestId('due').getByText('$10.00', { exact: true }).waitFor();
    const outdated = { code: 'preview_outdated', title: 'Outdated', detail: 'It is not.' };
    mock.answers.set('POST /api/change-plan', { status: 409, body: outdated });
    const charge = { dueMinor: 1200, totalMinor: 1200 };
    mock.answers.set('POST /api/change-plan/preview', { body: planPreview({ charge }) });
    await sheet()
      .getByRole('button', { name: /^Pay \$10/ })
      .click();
    await sheet().getByText('Something has changed meanwhile.').waitFor();
    await sheet()
      .getByRole('button', { name: /^Pay \$12/ })
      .waitFor();
    await look('renewed');
  });

  it('leads to the billing page where the payment fails, and keeps what was shown', async () => {
    await openSheet(PHONE);
    await choose('Vision Pro');
    mock.answers.set('POST /api/change-plan', {
      status: 402,
      body: {
        code: 'payment_failed',
        title: 'Failed',
        detail: 'Your card was declined. Nothing was changed or charged.',
        reason: 'declined',
        manage: '/api/create-portal-session?subscription=sub_1',
      },
    });
    await sheet()
      .getByRole('button', { name: /^Pay \$10/ })
      .click();
    await sheet().getByRole('alert').getByText('Your card was declined.').waitFor();
    await look('declined');
    await sheet().getByRole('button', { name: 'Open the billing page' }).click();
    await page.waitForURL('**/elsewhere?portal');
  });

  it('says why a plan cannot be had, and shows the one that was chosen last', async () => {
    await openSheet();
    const refusal = {
      status: 409,
      body: { code: 'plan_not_changeable', title: 'No', detail: 'This plan is paid in euros.' },
    };
    mock.answers.set('POST /api/change-plan/preview', refusal);
    await choose('Vision Max');
    await sheet().getByRole('alert').getByText('This plan is paid in euros.').waitFor();
    expect(
      await sheet()
        .getByRole('button', { name: /change to/i })
        .count(),
    ).toBe(0);
    await look('refused');
    mock.answers.set('POST /api/change-plan/preview', { body: planPreview() });
    await choose('Vision Pro');
    await sheet().getByTestId('due').waitFor();
    expect(await sheet().getByRole('alert').count()).toBe(0);
  });

  it.each([
    ['set to end', { cancelAtPeriodEnd: true }, 'Keep it on the billing page.'],
    ['not paid', { status: 'past_due' }, 'A payment is open'],
    ['paused', { status: 'paused' }, 'It is paused'],
  ])('is not offered for a plan that is %s', async (name, changes, text) => {
    mock.answers.set('GET /api/subscriptions', { body: { subscriptions: [basicPlan(changes)] } });
    await open();
    const part = page.getByRole('region', { name: 'Your plan' });
    await part.getByText(text).waitFor();
    expect(await part.getByRole('button', { name: 'Change plan' }).count()).toBe(0);
    await look(name);
    await part.getByRole('button', { name: 'Open the billing page' }).click();
    await page.waitForURL('**/elsewhere?portal');
  });

  it('can be used with the keyboard alone, and gives the focus back', async () => {
    await open();
    await page.getByRole('button', { name: 'Change plan' }).focus();
    await page.keyboard.press('Enter');
    await sheet().waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await sheet().getByTestId('due').waitFor();
    await page.keyboard.press('Escape');
    await sheet().waitFor({ state: 'hidden' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Change plan');
  });
});
