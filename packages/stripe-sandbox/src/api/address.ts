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
