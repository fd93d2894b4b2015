import type { Address } from '../shapes.ts';
import type { Params } from './params.ts';

export function readAddress(address: Params | undefined): Address | null {
  return address === undefined
    ? null
    : {
        city: address.text('city') ?? null,
        country: address.text('country') ?? null,
        line1: address.text('line1') ?? null,
        line2: address.text('line2') ?? null,
        postal_code: address.text('postal_code') ?? null,
        state: address.text('state') ?? null,
      };
}

/** To whom something is sent. */
export function readRecipient(
  shipping: Params | undefined,
): { address?: Address; name: string; phone: string | null } | null {
  if (shipping === undefined) {
    return null;
  }
  const address = readAddress(shipping.object('address'));
  return {
    ...(address === null ? {} : { address }),
    name: shipping.need('name'),
    phone: shipping.text('phone') ?? null,
  };
}
