import { z } from 'zod';

/** An id, where Stripe may also send the object itself (expanded), a deleted one, or nothing. */
/** What the buyer paid, where Stripe showed another currency than ours (Adaptive Pricing). */
export const presentmentDetails = z
  .object({ presentment_amount: z.number(), presentment_currency: z.string() })
  .transform((read) => ({ amount: read.presentment_amount, currency: read.presentment_currency }))
  .nullish();

export const reference = z
  .union([z.string(), z.object({ id: z.string() })])
  .nullish()
  .transform((value) => (value == null ? null : typeof value === 'string' ? value : value.id));

/** An id that a shape cannot do without. */
export const requiredReference = z
  .union([z.string(), z.object({ id: z.string() })])
  .transform((value) => (typeof value === 'string' ? value : value.id));

/** An amount in the currency's smallest unit, whole, of either sign. */
export const minorUnits = z.number().int();

export const optionalMinorUnits = minorUnits.nullish().transform((value) => value ?? null);

/** An enum of Stripe's is open: any word may come, and one we do not know must not crash. */
export const openEnum = z
  .string()
  .nullish()
  .transform((value) => value ?? null);

export const seconds = z
  .number()
  .nullish()
  .transform((value) => value ?? null);

export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);

/** A decimal number as text; the SDK makes an object of it, an event carries a string. */
export const decimal = z
  .unknown()
  .optional()
  .transform((value) => (value == null ? null : String(value)));

export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

/** Metadata holds strings; anything else in it is left out rather than trusted. */
export const metadata = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => {
    const kept: Record<string, string> = {};
    for (const [key, entry] of Object.entries(value ?? {})) {
      if (typeof entry === 'string') {
        kept[key] = entry;
      }
    }
    return kept;
  });

/** The part of Stripe's list object that we read. */
export function list<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), has_more: flag });
}
