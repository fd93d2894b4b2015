import { invalid, missingParameter, noSuch } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { PromotionCode } from '../shapes.ts';
import type { World } from '../world.ts';

/** What an order is that a code is redeemed for, before discounts. */
export type Order = { customer: string | null; amount: number; currency: string };

export function readRestrictions(params: Params): PromotionCode['restrictions'] {
  const given = params.object('restrictions');
  const minimum = given?.integer('minimum_amount') ?? null;
  const currency = given?.text('minimum_amount_currency')?.toLowerCase() ?? null;
  if (minimum !== null && currency === null) {
    throw missingParameter('restrictions[minimum_amount_currency]');
  }
  return {
    first_time_transaction: given?.flag('first_time_transaction') ?? false,
    minimum_amount: minimum,
    minimum_amount_currency: currency,
  };
}

/** Refuses a promotion code for an order that it is not meant for. */
export function refuseRestricted(world: World, id: string | null, order: Order): void {
  const code = world.store.get('promotion_code', id ?? '');
  if (code === undefined) {
    return;
  }
  const { customer, restrictions } = code;
  const least = restrictions.minimum_amount;
  const told =
    code.expires_at !== null && code.expires_at <= world.now()
      ? 'it has expired'
      : customer !== null && customer !== order.customer
        ? 'it is for another customer'
        : restrictions.first_time_transaction && hasPaid(world, order.customer)
          ? 'the associated customer has prior transactions'
          : least !== null &&
              (order.amount < least || order.currency !== restrictions.minimum_amount_currency)
            ? 'the order does not come to its minimum amount'
            : undefined;
  if (told !== undefined) {
    throw invalid(`This promotion code cannot be redeemed because ${told}.`, {
      param: 'promotion_code',
    });
  }
}

/** Whether the customer has paid anything, or has an invoice that is final. */
function hasPaid(world: World, customer: string | null): boolean {
  return (
    customer !== null &&
    (world.store.where('charge', 'customer', customer).some(({ paid }) => paid) ||
      world.store
        .where('invoice', 'customer', customer)
        .some(({ status }) => status !== 'draft' && status !== 'void'))
  );
}

/** Whose a code is: it must be somebody. */
export function readOwner(world: World, params: Params): string | null {
  const id = params.text('customer');
  const owner = world.store.get('customer', id ?? '');
  if (id !== undefined && (owner === undefined || 'deleted' in owner)) {
    throw noSuch('customer', id, 'customer');
  }
  return id ?? null;
}
