import { expect, it } from 'vitest';
import { sandboxUnderTest, sdkFor } from './sandbox-under-test.ts';

/** A month in a shop, told by its events. */
async function monthOf(seed: string) {
  const { sandbox } = await sandboxUnderTest({ seed, publicUrl: 'http://sandbox.example' });
  const stripe = sdkFor({ url: `http://127.0.0.1:${sandbox.port}` });
  const customer = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_BASIC_MONTHLY' }],
  });
  sandbox.advance({ months: 1 });
  // The SDK's own idempotency keys are random.
  const events = sandbox.events().map((event) => ({ ...event, request: event.request.id }));
  return { events, now: sandbox.now() };
}

it('a seed gives the same ids at the same times, and another seed others', async () => {
  const [one, again, other] = [await monthOf('a'), await monthOf('a'), await monthOf('b')];
  expect(again).toEqual(one);
  expect(one.now).toBe(Date.UTC(2027, 1, 1) / 1000);
  expect(other.events).not.toEqual(one.events);
  expect(other.now).toBe(one.now);
});
