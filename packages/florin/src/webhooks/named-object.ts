import type { Obstacle } from '../fulfillment/index.ts';
import { FlorinError } from '../kernel/index.ts';
import {
  type FetchedObject,
  isObjectId,
  type ObjectKind,
  type StripeEvent,
  type StripeLookups,
} from '../stripe/index.ts';
import { handlerOf } from './handlers.ts';
import type { CollectedDetails } from './lookups.ts';

export type NamedObject = { readonly event: StripeEvent } | { readonly obstacle: Obstacle };

/** Whether the event says what it is about and not how that is: Stripe has to be asked. */
export function needsObject(event: StripeEvent): boolean {
  return event.payload === 'thin' && (handlerOf(event)?.object ?? null) !== null;
}

/**
 * A thin event with the object that it names, as it is now. The object is chosen by the event's type and
 * read by its id from Stripe's own address: where `related_object.url` points to is never asked. Called
 * outside any transaction; takes from the same time as the other questions for one event.
 */
export async function fetchNamedObject(
  event: StripeEvent,
  { stripe, details }: { stripe: StripeLookups | null; details: CollectedDetails },
): Promise<NamedObject> {
  const kind = handlerOf(event)?.object ?? null;
  const named = event.object;
  if (kind === null || named['object'] !== kind || !isObjectId(named.id)) {
    return malformed(`names ${nameOf(named)} where its type is about a ${kind}`);
  }
  const { id } = named;
  if (stripe === null) {
    return unavailable(`${kind} ${id} cannot be read without STRIPE_SECRET_KEY`);
  }
  let found: FetchedObject | null | 'unavailable';
  try {
    found = await details.within(stripe.object({ kind, id }));
  } catch (error) {
    return failed(error, { kind, id });
  }
  if (found === 'unavailable') {
    return unavailable(`Stripe did not answer in time about ${kind} ${id}`);
  }
  if (found === null) {
    return gone({ kind, id });
  }
  const { object } = found;
  if (object.id !== id || object['object'] !== kind) {
    return malformed(`names ${kind} ${id}, and Stripe answers with ${nameOf(object)}`);
  }
  if ((object['livemode'] ?? event.livemode) !== event.livemode) {
    return malformed(`and the ${kind} ${id} that it names are of different modes`);
  }
  return {
    event: { ...event, payload: 'fetched', asOf: Math.max(found.asOf, event.created), object },
  };
}

function nameOf(object: StripeEvent['object']): string {
  return object.id === null ? 'no object' : `${String(object['object']).slice(0, 80)} ${object.id}`;
}

function malformed(what: string): NamedObject {
  return {
    obstacle: {
      code: 'payload_malformed',
      message: `The thin event ${what}. Nothing was fetched on its word; report it with the event's id.`,
      needsAttention: true,
    },
  };
}

function unavailable(what: string): NamedObject {
  return {
    obstacle: {
      code: 'stripe_unavailable',
      message: `${what}: tried again.`,
      needsAttention: false,
    },
  };
}

function gone({ kind, id }: { kind: ObjectKind; id: string }): NamedObject {
  return {
    obstacle: {
      code: 'object_unknown',
      message: `Stripe does not know the ${kind} ${id} that this thin event names. Check that STRIPE_SECRET_KEY is of the account that sends it, then replay the event.`,
      needsAttention: true,
    },
  };
}

function failed(error: unknown, { kind, id }: { kind: ObjectKind; id: string }): NamedObject {
  const { code, message } =
    error instanceof FlorinError ? error : new FlorinError('internal', String(error));
  if (code === 'stripe_unavailable' || code === 'rate_limited') {
    return unavailable(`${kind} ${id} could not be read. ${message}`);
  }
  return {
    obstacle: {
      code,
      message: `${kind} ${id} could not be read. ${message} Give STRIPE_SECRET_KEY the right to read it, then replay the event.`,
      needsAttention: true,
    },
  };
}
