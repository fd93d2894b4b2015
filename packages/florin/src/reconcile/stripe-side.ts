import { createHash } from 'node:crypto';
import { isUnknownToStripe, type StripeClient } from '../stripe/index.ts';
import { type EventInHand, takeInHand } from '../webhooks/index.ts';

export type Told = EventInHand & { readonly objectId: string };

export type StripeSide = {
  /** Stripe's own events, oldest first. */
  readonly events: readonly Told[];
  /** Each object that moved money, told as the event that would have announced it. */
  readonly objects: readonly Told[];
  /** Sessions and invoices among them whose money is settled. */
  readonly paid: ReadonlySet<string>;
};

export type PaidStanding = 'paid' | 'unpaid' | 'unknown';

export type Window = {
  /** Seconds since 1970. */
  readonly since: number;
  /** What happened later may still be on its way; null where it counts too. */
  readonly until: number | null;
  readonly livemode: boolean;
  readonly now: number;
};

const PAGE = 100;

/** Reads everything of the window from Stripe, page by page. Throws Stripe's own errors. */
export async function readStripeSide(
  stripe: StripeClient,
  types: readonly string[],
  window: Window,
): Promise<StripeSide> {
  const { since, until } = window;
  const created = { gte: since, ...(until === null ? {} : { lte: until }) };
  const query = { created, limit: PAGE };
  const wanted = new Set(types);
  const events: Told[] = [];
  for await (const event of stripe.events.list(query)) {
    const told = wanted.has(event.type) ? toldOf(event) : undefined;
    if (told !== undefined) {
      events.push(told);
    }
  }
  const objects: Told[] = [];
  const paid = new Set<string>();
  const add = (type: string, object: { id?: string }) => {
    const told = toEvent(type, object, window);
    if (told !== undefined) {
      objects.push(told);
    }
  };
  for await (const session of stripe.checkout.sessions.list({ ...query, status: 'complete' })) {
    add('checkout.session.completed', session);
    if (session.payment_status !== 'unpaid') {
      paid.add(session.id);
    }
  }
  for await (const invoice of stripe.invoices.list({ ...query, status: 'paid' })) {
    add('invoice.paid', invoice);
    paid.add(invoice.id);
  }
  for await (const charge of stripe.charges.list(query)) {
    if (charge.amount_refunded > 0) {
      add('charge.refunded', charge);
    }
  }
  for await (const refund of stripe.refunds.list(query)) {
    add('refund.updated', refund);
  }
  for await (const dispute of stripe.disputes.list(query)) {
    add('charge.dispute.updated', dispute);
  }
  for await (const note of stripe.creditNotes.list(query)) {
    add('credit_note.updated', note);
  }
  return { events: events.reverse(), objects, paid };
}

/** All paid invoices of a subscription, told from the first. Throws Stripe's own errors. */
export async function paidInvoicesOf(
  stripe: StripeClient,
  subscription: string,
  at: Pick<Window, 'livemode' | 'now'>,
): Promise<readonly Told[]> {
  const told: Told[] = [];
  for await (const invoice of stripe.invoices.list({ subscription, status: 'paid', limit: PAGE })) {
    const one = toEvent('invoice.paid', invoice, at);
    if (one !== undefined) {
      told.push(one);
    }
  }
  return told.reverse();
}

/** How a session or invoice stands now. Throws Stripe's own errors, but not that it is unknown. */
export async function paidStandingOf(stripe: StripeClient, id: string): Promise<PaidStanding> {
  try {
    if (id.startsWith('in_')) {
      return (await stripe.invoices.retrieve(id)).status === 'paid' ? 'paid' : 'unpaid';
    }
    const { payment_status, status } = await stripe.checkout.sessions.retrieve(id);
    return status === 'complete' && payment_status !== 'unpaid' ? 'paid' : 'unpaid';
  } catch (error) {
    if (isUnknownToStripe(error)) {
      return 'unknown';
    }
    throw error;
  }
}

/** The same state of an object has the same id, so that telling it twice is one event. */
function toEvent(
  type: string,
  object: { id?: string },
  window: Pick<Window, 'livemode' | 'now'>,
): Told | undefined {
  const content = createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 16);
  return toldOf({
    id: `reconcile_${object.id ?? ''}_${content}`,
    object: 'event',
    type,
    created: window.now,
    livemode: window.livemode,
    data: { object },
  });
}

function toldOf(value: object): Told | undefined {
  const inHand = takeInHand(value);
  return inHand === undefined ? undefined : { ...inHand, objectId: inHand.event.object.id ?? '' };
}
