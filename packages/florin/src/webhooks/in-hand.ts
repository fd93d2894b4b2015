import { isUtf8 } from 'node:buffer';
import { toStorableJson } from '../kernel/index.ts';
import { readEvent, type StripeEvent } from '../stripe/index.ts';

/** An event on its way through us. */
export type EventInHand = {
  readonly event: StripeEvent;
  /** The event as JSON text without line breaks, to be stored: such as jsonb holds. Null when the inbox has it already. */
  readonly json: string | null;
  /** The bytes as they came, to be kept where `json` lacks something of them. */
  readonly body?: Uint8Array;
  /** Set when the inbox has leased it to us: which attempt this is. */
  readonly claimedAttempt?: number;
};

/**
 * Reads an event from bytes or an object of Stripe's, in the nearest form that can be stored
 * (docs/decisions/0081). Undefined when it is no event.
 */
export function takeInHand(given: Uint8Array | object): EventInHand | undefined {
  const body = given instanceof Uint8Array ? given : undefined;
  const text = body === undefined ? JSON.stringify(given) : Buffer.from(body).toString('utf8');
  const storable = toStorableJson(text);
  const event = readEvent(storable?.value);
  if (storable === undefined || event === undefined) {
    return undefined;
  }
  const json = storable.json.replaceAll(LINE_BREAKS, '');
  const changed = storable.changed || (body !== undefined && !isUtf8(body));
  return { event, json, ...(changed && body !== undefined ? { body } : {}) };
}

/** Between tokens: inside a text JSON writes it as \n. Stripe indents what it sends. */
const LINE_BREAKS = /[\n\r]\s*/g;

const MAX_NAME = 255;

/**
 * The same event with no more than its envelope in `json` and the whole in `body`: for one that the
 * database refuses to hold though its JSON is in order, such as an object's id of 100,000 letters.
 */
export function inEnvelope({ event, json, body }: EventInHand): EventInHand {
  const { id, type, created, livemode } = event;
  const object = { id: short(event.object.id), object: short(event.object['object']) };
  const [apiVersion, account] = [short(event.apiVersion), short(event.account)];
  const envelope = {
    id,
    object: 'event',
    type,
    api_version: apiVersion,
    created,
    livemode,
    account,
    data: { object },
  };
  return {
    event: { ...event, apiVersion, account, snapshotEventId: short(event.snapshotEventId), object },
    json: JSON.stringify(envelope),
    body: body ?? Buffer.from(json ?? ''),
  };
}

function short(name: unknown): string | null {
  return typeof name === 'string' ? name.slice(0, MAX_NAME) : null;
}

/** A stored event, from the bytes that were kept of it where the payload lacks something. */
export function takeFromInbox(stored: {
  readonly payload: unknown;
  readonly body: Uint8Array | null;
}): EventInHand | undefined {
  return takeInHand(stored.body ?? (stored.payload as object));
}
