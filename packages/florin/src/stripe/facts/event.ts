import { z } from 'zod';
import { flag, text } from './shapes.ts';

/** The end of the year 9999: no clock says more, and Postgres stores it. */
const LATEST_SECONDS = 253_402_300_799;

const event = z.object({
  id: z.string().min(1).max(255),
  type: z.string().min(1).max(255),
  api_version: text,
  created: z.number().min(0).max(LATEST_SECONDS),
  livemode: flag,
  account: text,
  data: z.object({ object: z.looseObject({ id: text }) }),
});

/** What every event says about itself, and its object as it came. */
export type StripeEvent = {
  readonly id: string;
  readonly type: string;
  readonly apiVersion: string | null;
  /** Seconds since 1970: when it happened at Stripe. */
  readonly created: number;
  readonly livemode: boolean;
  /** Set for Connect: the connected account that the event is about. */
  readonly account: string | null;
  readonly object: { readonly id: string | null; readonly [key: string]: unknown };
};

/** Reads an event's envelope. Undefined when the value is not a Stripe event. */
export function readEvent(value: unknown): StripeEvent | undefined {
  const read = event.safeParse(value);
  if (!read.success) {
    return undefined;
  }
  const { id, type, api_version, created, livemode, account, data } = read.data;
  return { id, type, apiVersion: api_version, created, livemode, account, object: data.object };
}
