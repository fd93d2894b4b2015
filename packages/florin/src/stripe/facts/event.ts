import { z } from 'zod';
import { flag, text } from './shapes.ts';

/** The end of the year 9999: no clock says more, and Postgres stores it. */
const LATEST_SECONDS = 253_402_300_799;

const name = z.string().min(1).max(255);

const snapshot = z.object({
  id: name,
  type: name,
  api_version: text,
  created: z.number().min(0).max(LATEST_SECONDS),
  livemode: flag,
  account: text,
  data: z.object({ object: z.looseObject({ id: text }) }),
});

const thin = z.object({
  id: name,
  object: z.literal('v2.core.event'),
  type: name,
  created: z.iso
    .datetime({ offset: true })
    .transform((written) => Date.parse(written) / 1000)
    .pipe(z.number().min(0).max(LATEST_SECONDS)),
  livemode: flag,
  context: text,
  // Its `url` is not read: what is fetched is chosen by type and id.
  related_object: z.object({ id: name, type: name }).nullish().catch(null),
  snapshot_event: text.catch(null),
});

/** What every event says about itself, and its object. */
export type StripeEvent = {
  readonly id: string;
  readonly type: string;
  readonly apiVersion: string | null;
  /** Seconds since 1970: when it happened at Stripe. */
  readonly created: number;
  /** The same with its fraction: thin events tell milliseconds. */
  readonly happened: number;
  readonly livemode: boolean;
  /** Set for Connect: the connected account that the event is about. */
  readonly account: string | null;
  /**
   * `snapshot`: the object is as it was when the event was made. `thin`: the event only names its object,
   * by `id` and `object`. `fetched`: a thin event whose object was read from Stripe since.
   */
  readonly payload: 'snapshot' | 'thin' | 'fetched';
  /** Seconds since 1970: the moment whose state `object` shows. */
  readonly asOf: number;
  /** The snapshot event that tells the same as this thin one; null where none is named. */
  readonly snapshotEventId: string | null;
  readonly object: { readonly id: string | null; readonly [key: string]: unknown };
};

/**
 * Reads an event's envelope: a thin one where its `object` is `v2.core.event`, else a snapshot. Undefined
 * when the value is neither.
 */
export function readEvent(value: unknown): StripeEvent | undefined {
  return isThin(value) ? readThin(value) : readSnapshot(value);
}

function isThin(value: unknown): boolean {
  return (value as { object?: unknown } | null | undefined)?.object === 'v2.core.event';
}

function readSnapshot(value: unknown): StripeEvent | undefined {
  const read = snapshot.safeParse(value);
  if (!read.success) {
    return undefined;
  }
  const { id, type, api_version, created, livemode, account, data } = read.data;
  return {
    id,
    type,
    apiVersion: api_version,
    created,
    happened: created,
    livemode,
    account,
    payload: 'snapshot',
    asOf: created,
    snapshotEventId: null,
    object: data.object,
  };
}

/** https://docs.stripe.com/event-destinations#thin-events; the SDK's types name it `V2.Core.EventNotification`. */
function readThin(value: unknown): StripeEvent | undefined {
  const read = thin.safeParse(value);
  if (!read.success) {
    return undefined;
  }
  const { id, type, created: happened, livemode, context, related_object: related } = read.data;
  const created = Math.floor(happened);
  return {
    id,
    type,
    apiVersion: null,
    created,
    happened,
    livemode,
    account: context,
    payload: 'thin',
    asOf: created,
    snapshotEventId: read.data.snapshot_event,
    object: { id: related?.id ?? null, object: related?.type ?? null },
  };
}
