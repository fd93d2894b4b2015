import { type ApiError, invalid } from '../api/errors.ts';
import type { World } from '../world.ts';
import { changeCustomer, needCustomer } from './customers.ts';

/**
 * The currency that what runs for a customer is in; undefined where nothing runs. Another one is then
 * refused for what recurs. https://docs.stripe.com/invoicing/multi-currency-customers
 */
export function runningCurrency(world: World, customer: string): string | undefined {
  const of = <K extends 'subscription' | 'subscription_schedule' | 'quote' | 'invoice_item'>(
    kind: K,
  ) => world.store.where(kind, 'customer', customer);
  const discount = world.store.get('customer', customer)?.discount?.source.coupon;
  return (
    of('subscription').find((one) => one.ended_at === null)?.currency ??
    of('subscription_schedule').find(({ status }) => status === 'not_started')?.phases[0]
      ?.currency ??
    of('quote').find(({ status }) => status === 'draft' || status === 'open')?.currency ??
    of('invoice_item').find(({ invoice }) => invoice === null)?.currency ??
    world.store.get('coupon', discount ?? '')?.currency ??
    undefined
  );
}

/** Refuses to begin what recurs in another currency than what runs. `asked`: whether the request names it. */
export function refuseSecondCurrency(
  world: World,
  customer: string,
  { currency, asked }: { currency: string; asked: boolean },
): void {
  const running = runningCurrency(world, customer);
  if (running !== undefined && running !== currency) {
    throw asked ? combined(running) : mismatch(currency, running);
  }
}

function combined(running: string): ApiError {
  return invalid(
    `You cannot combine currencies on a single customer. This customer has an active subscription, subscription schedule, discount, quote, or invoice item with currency ${running}`,
    { param: 'currency' },
  );
}

function mismatch(currency: string, running: string): ApiError {
  return invalid(
    `The currency of the selected prices (${currency}) does not match the customer currency (${running}).`,
  );
}

/** What is billed first decides a customer's currency; a subscription changes it where nothing else runs. */
export function settleCurrency(
  world: World,
  id: string,
  { currency, changes }: { currency: string; changes: boolean },
): void {
  const customer = needCustomer(world, id, 'customer');
  if (customer.currency !== currency && (changes || customer.currency === null)) {
    changeCustomer(world, customer, { currency });
  }
}
