import { invalid } from '../api/errors.ts';
import { needCustomer } from '../customers/customers.ts';
import type { World } from '../world.ts';

export const COLLECTION_METHODS = ['charge_automatically', 'send_invoice'] as const;

/** How what is owed is collected: charged, or sent with so many days to pay. */
export type Collection = { method: string; days: number | null };

const CHARGED: Collection = { method: 'charge_automatically', days: null };

type Asked = {
  method: string | undefined;
  /** `days_until_due`, and what the request calls it. */
  days: number | undefined;
  param: string;
};

/**
 * What was asked for over what was so before. Raises a 400 where days are missing of what is sent, or
 * named of what is charged. https://docs.stripe.com/api/subscriptions/create#create_subscription-days_until_due
 */
export function settleCollection(
  { method: asked, days, param }: Asked,
  before: Collection = CHARGED,
): Collection {
  const method = asked ?? before.method;
  if (method !== 'send_invoice') {
    if (days !== undefined) {
      throw invalid(
        `\`${nameIn(param)}\` can only be set if \`collection_method\` is set to \`send_invoice\`.`,
        { param },
      );
    }
    return { method, days: null };
  }
  const due = days ?? before.days;
  if (due === null) {
    throw invalid(
      `\`${nameIn(param)}\` must be set if \`collection_method\` is set to \`send_invoice\`.`,
      { param, code: 'parameter_missing' },
    );
  }
  if (due < 0) {
    throw invalid('Invalid non-negative integer', { param, code: 'parameter_invalid_integer' });
  }
  return { method, days: due };
}

/** `days_until_due` of `invoice_settings[days_until_due]`. */
function nameIn(param: string): string {
  return /(\w+)\]?$/.exec(param)?.[1] ?? param;
}

/** What is sent is sent to somebody. */
export function refuseWithoutEmail(world: World, customer: string, method: string | null): void {
  if (method === 'send_invoice' && needCustomer(world, customer, 'customer').email === null) {
    throw invalid(
      'Missing email. In order to create invoices that are sent to the customer, the customer must have a valid email.',
    );
  }
}
