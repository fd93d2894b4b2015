import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { axeViolations, hasBrowser, launchBrowser } from './support/browser.ts';
import { allIsWell } from './support/mock-data.ts';
import { type Mock, startMock } from './support/mock-service.ts';

describe.skipIf(!hasBrowser)('the widgets of florin/react in an app', () => {
  let directory: string;
  let browser: Browser;
  let mock: Mock;
  let page: Page;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'florin-widgets-'));
    await build({
      configFile: false,
      root: resolve(import.meta.dirname, '../browser/widgets'),
      logLevel: 'error',
      build: { outDir: directory, emptyOutDir: true },
    });
    mock = await startMock(directory);
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await mock?.close();
    await rm(directory, { recursive: true, force: true });
  });

  beforeEach(async () => {
    allIsWell(mock);
    page = await browser.newPage();
    page.setDefaultTimeout(10_000);
  });

  afterEach(() => page.close());

  it('show the live balance over one connection, however many badges there are', async () => {
    await page.goto(mock.url);
    const badge = page.locator('.badge[data-florin="balance"]');
    await badge.getByText('300 scans').waitFor();
    await page.getByText('312 posted').waitFor();
    expect(await badge.getAttribute('data-state')).toBe('ready');
    mock.pushBalance({ posted: 15, held: 0, available: 15, nextExpiryAt: null });
    await badge.getByText('15 scans').waitFor();
    expect(await badge.getAttribute('data-low')).toBe('');
    mock.pushBalance({ posted: -1_250, held: 0, available: -1_250, nextExpiryAt: null });
    // A minus sign, not a hyphen.
    await badge.getByText('\u22121,250 scans', { exact: true }).waitFor();
    expect(mock.asked.filter(({ path }) => path === '/api/balance/stream')).toHaveLength(1);
    expect(await axeViolations(page)).toEqual([]);
  });

  it('list what the app selects and start a checkout', async () => {
    await page.goto(mock.url);
    const packs = page.locator('.packs [data-florin="plan"]');
    await packs.first().waitFor();
    expect(await packs.count()).toBe(4);
    expect(await page.locator('[data-chosen]').textContent()).toContain('250 credits$20');
    await page.getByRole('button', { name: 'Choose Quick Scan' }).click();
    await page.waitForURL('**/elsewhere?checkout');
    await page.goBack();
    await page.getByRole('button', { name: 'Choose Quick Scan' }).waitFor();
    expect(await page.getByRole('button', { name: 'Choose Quick Scan' }).isEnabled()).toBe(true);
  });

  it('say what failed beside the plan, and can be tried again', async () => {
    mock.answers.set('POST /api/create-checkout-session', {
      status: 503,
      body: { code: 'stripe_unavailable', title: 'No', detail: 'Stripe does not answer.' },
    });
    await page.goto(mock.url);
    await page.getByRole('button', { name: 'Choose Enterprise' }).click();
    await page.getByRole('alert').getByText('Stripe does not answer.').waitFor();
    expect(await page.getByRole('button', { name: 'Choose Enterprise' }).isEnabled()).toBe(true);
  });

  it('offer to load the plans again', async () => {
    mock.answers.set('GET /api/plans', { status: 500, body: { code: 'internal', title: 'No' } });
    await page.goto(mock.url);
    await page.getByText('The plans could not be loaded.').waitFor();
    allIsWell(mock);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('button', { name: 'Choose Quick Scan' }).waitFor();
  });
});
