import { z } from 'zod';
import type { CustomerFact, PriceFact, SubscriptionFact } from './fact.ts';
import {
  decimal,
  flag,
  list,
  metadata,
  optionalMinorUnits,
  reference,
  seconds,
  text,
} from './shapes.ts';

const price = z.object({
  id: z.string(),
  lookup_key: text,
  unit_amount: optionalMinorUnits,
  unit_amount_decimal: decimal,
  currency: text,
  currency_options: z
    .record(z.string(), z.object({ unit_amount: optionalMinorUnits, unit_amount_decimal: decimal }))
    .nullish(),
});

const item = z.object({
  price: price.nullish(),
  plan: z.object({ id: z.string(), amount: optionalMinorUnits, amount_decimal: decimal }).nullish(),
  quantity: z.number().nullish(),
  current_period_end: seconds,
});

const subscription = z.object({
  id: z.string(),
  customer: reference,
  status: z.string(),
  metadata,
  items: list(item).nullish(),
  trial_start: seconds,
  trial_end: seconds,
  current_period_end: seconds,
  cancel_at_period_end: flag,
  ended_at: seconds,
});

/** Reads a subscription; its period stands on the items since 2025-03-31. */
export function readSubscription(
  object: unknown,
  context: { asOf: number; asMade?: boolean },
): SubscriptionFact {
  const read = subscription.parse(object);
  const items = read.items?.data ?? [];
  const ends = items.map((one) => one.current_period_end).filter((end) => end !== null);
  return {
    kind: 'subscription',
    id: read.id,
    customerId: read.customer,
    status: read.status,
    metadata: read.metadata,
    items: items.flatMap((one) => {
      const id = one.price?.id ?? one.plan?.id;
      if (id === undefined) {
        return [];
      }
      return {
        priceId: id,
        unitAmount: one.price ? unitAmountOf(one.price) : (one.plan?.amount_decimal ?? null),
        ...(one.price?.currency == null ? {} : { currency: one.price.currency }),
        lookupKey: one.price?.lookup_key ?? null,
        quantity: one.quantity ?? 1,
      };
    }),
    trial:
      read.trial_start === null || read.trial_end === null
        ? null
        : { start: read.trial_start, end: read.trial_end },
    currentPeriodEnd: ends.length > 0 ? Math.max(...ends) : read.current_period_end,
    cancelAtPeriodEnd: read.cancel_at_period_end,
    endedAt: read.ended_at,
    asOf: context.asOf,
    ...(context.asMade === true ? { asMade: true } : {}),
  };
}

/** Reads a price. */
export function readPrice(object: unknown): PriceFact {
  const read = price.parse(object);
  return {
    kind: 'price',
    id: read.id,
    lookupKey: read.lookup_key,
    unitAmount: unitAmountOf(read),
    ...(read.currency === null ? {} : { currency: read.currency }),
    currencyOptions: Object.fromEntries(
      Object.entries(read.currency_options ?? {}).map(([currency, one]) => [
        currency,
        unitAmountOf(one),
      ]),
    ),
  };
}

const customer = z.object({ id: z.string(), metadata, deleted: flag });

/** Reads a customer, a deleted one included. */
export function readCustomer(object: unknown, context: { deleted?: boolean } = {}): CustomerFact {
  const read = customer.parse(object);
  return {
    kind: 'customer',
    id: read.id,
    metadata: read.metadata,
    deleted: read.deleted || (context.deleted ?? false),
  };
}

function unitAmountOf(
  read: Pick<z.infer<typeof price>, 'unit_amount' | 'unit_amount_decimal'>,
): string | null {
  return read.unit_amount_decimal ?? read.unit_amount?.toString() ?? null;
}
