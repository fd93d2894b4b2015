import { randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, launchBrowser } from './support/browser.ts';
import { type Product, startProduct } from './support/product.ts';

const pack = { reason: 'quick_scan_purchase', planType: 'credits', kind: 'one_time' };
const CATALOG = {
  credit: { decimals: 2 },
  prices: { price_QUICK_SCAN: { ...pack, name: 'Quick Scan', credits: '12.5' } },
  usage: { page: { credits: '0.25' }, 'page.vision': { credits: 3 } },
};

describe.skipIf(!hasBrowser)(
  'credits with two decimals, on the product as a newcomer starts it',
  () => {
    let product: Product;
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      [product, browser] = await Promise.all([startProduct({ catalog: CATALOG }), launchBrowser()]);
      page = await browser.newPage();
      page.setDefaultTimeout(15_000);
    }, 180_000);
    afterAll(async () => {
      await browser?.close();
      await product?.stop();
    });

    const available = (amount: string) =>
      page.getByTestId('available').getByText(amount, { exact: true }).waitFor();

    it('are bought, spent by the quarter, shown, refunded, and read by the command line', async () => {
      const email = `buyer-${randomBytes(6).toString('hex')}@example.com`;
      await page.goto(`${product.app}/pricing.html`);
      await page.getByText('12.5').first().waitFor();
      await page.getByRole('button', { name: 'Choose Quick Scan' }).click();
      const sheet = page.getByRole('dialog', { name: 'Sign in' });
      await sheet.getByRole('button', { name: 'Create an account instead' }).click();
      await sheet.getByLabel('Email').fill(email);
      await sheet.getByLabel('Password').fill('correct horse battery');
      await sheet.getByRole('button', { name: 'Create account and continue to payment' }).click();
      await page.getByTestId('pay').click();
      await page.getByText('Payment received. 12.5 credits added.').waitFor();
      await available('12.5');
      await page.getByText('+12.5', { exact: true }).waitFor();

      await page.getByLabel('Pages').fill('3');
      await page.getByRole('button', { name: 'Scan' }).click();
      await page.getByText('3 pages read for 0.75 credits. 11.75 credits left.').waitFor();
      await available('11.75');
      await page.getByText('11.75 of 12.5 left').waitFor();
      await page.getByText('−0.75', { exact: true }).first().waitFor();

      const { data } = await product.stripe.customers.list({ email });
      const customer = String(data[0]?.id);
      const shown = await product.florin('account', 'show', email, '--json');
      expect(JSON.parse(shown.stdout)).toMatchObject({
        balance: { available: '11.75' },
        entries: [{ amount: '-0.75', postedAfter: '11.75' }, { amount: '12.5' }],
      });
      const { accountId } = JSON.parse(shown.stdout) as { accountId: string };
      const given = await product.florin(
        'account',
        'grant',
        accountId,
        '0.25',
        '--reason',
        'a test',
      );
      expect(given.stdout).toContain('Given: 0.25 credits');
      expect(given.stdout).toContain('Available: 12.');
      const tooFine = await product.florin('account', 'grant', accountId, '0.255', '--reason', 'x');
      expect(tooFine).toMatchObject({ code: 2 });
      expect(tooFine.stderr).toContain('must have at most 2 decimals');
      await available('12');

      const { data: charges } = await product.stripe.charges.list({ customer });
      await product.stripe.refunds.create({ charge: String(charges[0]?.id) });
      await expect.poll(() => product.undelivered()).toBe(0);
      const after = await product.florin('account', 'show', email, '--json');
      expect(JSON.parse(after.stdout)).toMatchObject({ balance: { available: '-0.5' } });
      await available('−0.5');
    });
  },
);
