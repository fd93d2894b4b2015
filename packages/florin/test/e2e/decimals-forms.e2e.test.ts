import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCredit } from '../../src/credit/index.ts';
import { type BuiltPages, buildPages, hasBrowser, launchBrowser } from './support/browser.ts';
import { ACCOUNT, allIsWell, PASSWORD, someAccount, topUp } from './support/mock-data.ts';
import { type Mock, startMock } from './support/mock-service.ts';

/** Of these 10 to the minus fourth is not 0.0001 in floating point. */
const DECIMALS = 4;

describe.skipIf(!hasBrowser)('forms that ask for credits with decimals', () => {
  let browser: Browser;
  let pages: BuiltPages;
  let mock: Mock;
  let page: Page;

  beforeAll(async () => {
    pages = await buildPages();
    mock = await startMock(pages.directory, createCredit(DECIMALS));
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await mock?.close();
    await pages?.remove();
  });
  beforeEach(() => {
    allIsWell(mock);
    mock.answers.set('GET /api/config', {
      body: {
        supabaseUrl: mock.url,
        supabasePublishableKey: 'sb_publishable_x',
        creditDecimals: DECIMALS,
        appUrl: mock.url,
        development: true,
      },
    });
  });
  afterEach(async () => {
    await page.context().close();
    expect(mock.faults).toEqual([]);
  });

  async function open(path: string, as: 'buyer' | 'operator'): Promise<void> {
    page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(10_000);
    await page.goto(mock.url + path);
    await page.getByLabel('Email').fill(`${as}@example.com`);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }

  it('take a threshold of a top-up as it is typed, and ask for consent to it', async () => {
    mock.answers.set('GET /api/top-up', { body: { ...topUp(), consent: null } });
    mock.answers.set('POST /api/top-up', { body: topUp({ threshold: '0.0003' as never }) });
    await open('/index.html', 'buyer');
    const threshold = page.getByLabel('When credits fall below');
    await threshold.fill('');
    await threshold.pressSequentially('.00035');
    const consent = page.getByRole('checkbox', { name: /fewer than \.00035 are available/ });
    await consent.check();
    await page.getByRole('button', { name: 'Turn on auto top-up' }).click();
    const isTooFine = "document.querySelector('#top-up-threshold').validity.stepMismatch";
    expect(await page.evaluate(isTooFine)).toBe(true);
    await threshold.fill('');
    await threshold.pressSequentially('0.0003');
    const smaller = page.getByRole('checkbox', { name: /fewer than 0\.0003 are available/ });
    expect(await smaller.isChecked()).toBe(false);
    await smaller.check();
    await page.getByRole('button', { name: 'Turn on auto top-up' }).click();
    const consents = () =>
      mock.asked
        .filter(({ method, path }) => method === 'POST' && path === '/api/top-up')
        .map(({ body }) => body);
    await expect.poll(consents).toMatchObject([{ consent: true, threshold: 0.0003 }]);
  });

  it('show an operator what a correction by a fraction does, and send it as it is', async () => {
    const account = someAccount(Date.now());
    const balance = { ...account.balance, available: '300.7001' as never };
    const path = `/api/admin/accounts/${ACCOUNT}/adjust`;
    mock.answers.set(`GET /api/admin/accounts/${ACCOUNT}`, { body: { ...account, balance } });
    mock.answers.set(`POST ${path}`, {
      body: { entryId: 'e10', posted: '312.4', held: 12, available: '300.4', replayed: false },
    });
    await open(`/admin#/accounts/${ACCOUNT}`, 'operator');
    await page.getByLabel('What').selectOption('adjust');
    await page.getByLabel('Credits', { exact: true }).pressSequentially('-0.3001');
    await page.getByLabel('Reason').fill('a test');
    await page.getByRole('button', { name: 'Look at the effect' }).click();
    await page.getByText('available goes from 300.7001 to 300.4').waitFor();
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('status').getByText('300.4 credits available now').waitFor();
    const sent = mock.asked.find((asked) => asked.path === path);
    expect(sent?.body).toMatchObject({ amount: -0.3001 });
  });
});
