import type { Catalog } from '../../src/catalog/index.ts';
import {
  type Decision,
  decide,
  type Effects,
  EMPTY_PAYMENT,
  type KnownState,
  type Need,
} from '../../src/fulfillment/index.ts';
import { type Fact, readEvent } from '../../src/stripe/index.ts';
import { factOf } from '../../src/webhooks/index.ts';
import { testCatalog } from '../integration/webhooks/catalog.ts';

/** What is known beside the event: nothing, unless a test says so. Answers are named `ask:id`. */
export type Given = Partial<KnownState> & {
  readonly catalog?: Catalog;
  readonly answers?: Readonly<Record<string, unknown>>;
  readonly now?: Date;
};

/** 100 seconds after the moment from which `event()` counts. */
export const NOW = new Date(1_790_000_100_000);

export function factIn(payload: unknown): Fact {
  const event = readEvent(payload);
  if (event === undefined) {
    throw new Error('not an event of Stripe');
  }
  return factOf(event);
}

/** One real decision about one event, as Stripe would send it. */
export function decideOn(payload: unknown, given: Given = {}): Decision {
  return decide({
    fact: factIn(payload),
    eventId: 'evt_1',
    catalog: given.catalog ?? testCatalog(),
    details: detailsOf(given.answers),
    now: given.now ?? NOW,
    known: {
      payment: given.payment ?? EMPTY_PAYMENT,
      customerAccountId: given.customerAccountId ?? null,
      subscription: given.subscription ?? null,
    },
  });
}

export function detailsOf(answers: Given['answers'] = {}) {
  return { get: (ask: string, id: string) => answers[`${ask}:${id}`] as never };
}

export function effectsOf(payload: unknown, given: Given = {}): Effects {
  const decision = decideOn(payload, given);
  if ('need' in decision) {
    throw new Error(`asks Stripe for ${decision.need.ask} ${decision.need.id}`);
  }
  return decision.effects;
}

export function needOf(payload: unknown, given: Given = {}): Need {
  const decision = decideOn(payload, given);
  if ('effects' in decision) {
    throw new Error(`asks nothing: ${decision.effects.reason}`);
  }
  return decision.need;
}
