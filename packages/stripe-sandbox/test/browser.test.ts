import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';
import { axeViolations, hasBrowser, launchBrowser } from './support/browser.ts';

type Browser = Awaited<ReturnType<typeof launchBrowser>>;

const SIZES = [
  { width: 360, height: 740, colorScheme: 'light' as const },
  { width: 1280, height: 900, colorScheme: 'dark' as const },
];

describe.runIf(hasBrowser)("the sandbox's pages in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  it.each(SIZES)('pass axe and fit the screen: $width wide, $colorScheme', async (size) => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const coupon = await stripe.coupons.create({ percent_off: 10 });
    await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'TEN',
    });
    const customer = await stripe.customers.create({ email: 'ann@example.com' });
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      customer: customer.id,
      line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
      allow_promotion_codes: true,
      success_url: `${sandbox.url}/sandbox?{CHECKOUT_SESSION_ID}`,
    });
    const portal = await stripe.billingPortal.sessions.create({ customer: customer.id });
    const { colorScheme, ...viewport } = size;
    const page = await browser.newPage({ viewport, colorScheme });
    const check = async (name: string) => {
      const shots = process.env['FLORIN_SCREENSHOTS'];
      if (shots !== undefined) {
        await page.screenshot({
          path: `${shots}/sandbox-${name}-${size.width}.png`,
          fullPage: true,
        });
      }
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      expect([name, await axeViolations(page), Number(wide) <= size.width]).toEqual([
        name,
        [],
        true,
      ]);
    };
    await page.goto(String(session.url));
    const email = page.getByLabel('Email');
    expect([await email.inputValue(), await email.isDisabled()]).toEqual(['ann@example.com', true]);
    await page.getByLabel('Promotion code').fill('ten');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByTestId('discount').getByText('$0.90').waitFor();
    await page.getByLabel('Card number').fill('4000 0000 0000 0002');
    await page.getByTestId('pay').click();
    await page.getByTestId('error').waitFor();
    await check('checkout');
    await page.getByLabel('Card number').fill('4000 0025 0000 3155');
    await page.getByTestId('pay').click();
    await check('bank');
    await page.getByTestId('approve').click();
    await page.getByTestId('charge').first().waitFor();
    const [charge] = (await stripe.charges.list()).data;
    sandbox.dispute(String(charge?.id));
    await page.reload();
    await check('dashboard');
    sandbox.advance({ months: 2 });
    await page.goto(`${sandbox.url}/sandbox/customers/${customer.id}`);
    await page.getByText('Basic: active').waitFor();
    await check('customer');
    await page.goto(`${sandbox.url}/sandbox/requests`);
    await check('requests');
    await page.getByRole('link', { name: 'POST /v1/checkout/sessions' }).click();
    await page.getByText('promotion_codes', { exact: false }).first().waitFor();
    await check('request');
    const draft = await stripe.invoices.create({
      customer: customer.id,
      collection_method: 'send_invoice',
      days_until_due: 10,
      footer: 'Thank you for your order.',
      custom_fields: [{ name: 'Order', value: '4711' }],
    });
    const item = { amount: 700, currency: 'usd', description: 'By hand' };
    await stripe.invoiceItems.create({ ...item, customer: customer.id, invoice: draft.id });
    const invoice = await stripe.invoices.finalizeInvoice(draft.id);
    await page.goto(String(invoice.hosted_invoice_url));
    await page.getByLabel('Card number').fill('4000 0000 0000 0002');
    await page.getByRole('button', { name: 'Pay $7.00' }).click();
    await page.getByTestId('error').waitFor();
    await check('invoice');
    await page.getByRole('button', { name: 'Pay $7.00' }).click();
    await page.getByText(/^paid, /).waitFor();
    await check('paid-invoice');
    await page.goto(portal.url);
    await page.getByTestId('subscription').waitFor();
    await check('portal');
    await page.close();
  });
});
