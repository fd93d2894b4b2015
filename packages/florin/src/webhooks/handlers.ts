import {
  type Fact,
  type ObjectKind,
  readCharge,
  readCreditNote,
  readCustomer,
  readDispute,
  readFraudWarning,
  readInvoice,
  readInvoicePayment,
  readRefund,
  readSession,
  readSubscription,
  type StripeEvent,
} from '../stripe/index.ts';

/** What one event type is to Florin. docs/webhooks.md shows this table, and a test compares them. */
export type Handler = {
  /** Stripe's word for the object that its events are about; null where nothing of it is read. */
  readonly object: ObjectKind | null;
  readonly read: (event: StripeEvent) => Fact;
  readonly fact: string;
  readonly command: string;
  readonly key: string;
  /** The sentence of the test that shows it. */
  readonly test: string;
  /** Whether an endpoint has to be subscribed to it for Florin to be exact. */
  readonly enable: 'required' | 'useful' | 'no';
};

const SESSION_GRANT = 'issue a grant for each line in the catalogue (payment mode, settled)';
const SESSION_KEY = 'florin:checkout:<session>:line:<line>';
const INVOICE_GRANT = 'issue a grant for each paid line in the catalogue';
const INVOICE_KEY = 'florin:invoice:<invoice>:line:<line>';
const CONVERGE = 'reverse or restore until the share of the money that is back is taken';
const CONVERGE_KEY = '<grant key>:reversal:<step>, <grant key>:restoration:<step>';

function nothing(reason: string): Pick<Handler, 'object' | 'read' | 'fact' | 'command' | 'key'> {
  return {
    object: null,
    read: () => ({ kind: 'nothing', reason }),
    fact: '-',
    command: 'none',
    key: '-',
  };
}

const asOf = ({ asOf }: StripeEvent) => ({ asOf });

/** What the type adds to its object holds for a snapshot; an object that was read since says it itself. */
const isSnapshot = ({ payload }: StripeEvent) => payload === 'snapshot';

const session = {
  object: 'checkout.session',
  read: (event: StripeEvent) => readSession(event.object, asOf(event)),
  fact: 'session',
  command: SESSION_GRANT,
  key: SESSION_KEY,
} as const;

const invoice = {
  object: 'invoice',
  read: (event: StripeEvent) => readInvoice(event.object, asOf(event)),
  fact: 'invoice',
  command: INVOICE_GRANT,
  key: INVOICE_KEY,
} as const;

const refund = {
  object: 'refund',
  read: (event: StripeEvent) => readRefund(event.object, asOf(event)),
  fact: 'refund',
  command: CONVERGE,
  key: CONVERGE_KEY,
} as const;

const dispute = {
  object: 'dispute',
  read: (event: StripeEvent) => readDispute(event.object, asOf(event)),
  fact: 'dispute',
  command: CONVERGE,
  key: CONVERGE_KEY,
} as const;

const fraudWarning = {
  object: 'radar.early_fraud_warning',
  read: (event: StripeEvent) => readFraudWarning(event.object),
  fact: 'fraud warning',
  command: 'none; where the catalogue says freeze: as a dispute, until it is not actionable',
  key: CONVERGE_KEY,
} as const;

const creditNote = {
  object: 'credit_note',
  read: (event: StripeEvent) => readCreditNote(event.object, asOf(event)),
  fact: 'credit note',
  command: CONVERGE,
  key: CONVERGE_KEY,
} as const;

const subscription = {
  object: 'subscription',
  read: (event: StripeEvent) => readSubscription(event.object, asOf(event)),
  fact: 'subscription',
  command: 'none: keeps whose it is, its prices and its trial; its end stops later drips',
  key: '-',
} as const;

const customer = {
  object: 'customer',
  read: (event: StripeEvent) => readCustomer(event.object),
  fact: 'customer',
  command: 'none: links the customer to the account in its metadata',
  key: '-',
} as const;

export const HANDLERS: Readonly<Record<string, Handler>> = {
  'checkout.session.completed': {
    ...session,
    test: 'a settled checkout grants what the catalogue says',
    enable: 'required',
  },
  'checkout.session.async_payment_succeeded': {
    ...session,
    test: 'a pending payment is shown as pending',
    enable: 'required',
  },
  'checkout.session.async_payment_failed': {
    ...session,
    read: (event) => readSession(event.object, { ...asOf(event), ended: 'failed' }),
    command: 'none: the payment is shown as failed',
    key: '-',
    test: 'a delayed payment that fails grants nothing and is shown as failed',
    enable: 'required',
  },
  'checkout.session.expired': {
    ...session,
    read: (event) => readSession(event.object, { ...asOf(event), ended: 'expired' }),
    command: 'none: the open checkout is forgotten',
    key: '-',
    test: 'an expired session grants nothing',
    enable: 'useful',
  },
  'invoice.paid': {
    ...invoice,
    test: 'a paid invoice grants each line once',
    enable: 'required',
  },
  'invoice.payment_succeeded': {
    ...invoice,
    test: 'invoice.paid, invoice.payment_succeeded and invoice_payment.paid grant once',
    enable: 'no',
  },
  'invoice_payment.paid': {
    object: 'invoice_payment',
    read: (event) => readInvoicePayment(event.object),
    fact: 'invoice payment',
    command: 'none: links the payment intent to its invoice, so that refunds find it',
    key: '-',
    test: 'invoice.paid, invoice.payment_succeeded and invoice_payment.paid grant once',
    enable: 'required',
  },
  'charge.refunded': {
    object: 'charge',
    read: (event) => readCharge(event.object, asOf(event)),
    fact: 'charge',
    command: CONVERGE,
    key: CONVERGE_KEY,
    test: 'any order of refund and dispute events ends at the same balance',
    enable: 'required',
  },
  'refund.created': {
    ...refund,
    test: 'any order of refund and dispute events ends at the same balance',
    enable: 'required',
  },
  'refund.updated': {
    ...refund,
    test: 'a refund that fails or is cancelled gives its credits back',
    enable: 'required',
  },
  'charge.refund.updated': {
    ...refund,
    test: 'a refund that fails or is cancelled gives its credits back',
    enable: 'no',
  },
  'refund.failed': {
    ...refund,
    read: (event) =>
      readRefund(event.object, { ...asOf(event), announcedFailed: isSnapshot(event) }),
    test: 'refund.failed whose object says succeeded is read again from Stripe',
    enable: 'required',
  },
  'charge.dispute.created': {
    ...dispute,
    test: 'any order of refund and dispute events ends at the same balance',
    enable: 'required',
  },
  'charge.dispute.updated': {
    ...dispute,
    test: 'any order of refund and dispute events ends at the same balance',
    enable: 'required',
  },
  'charge.dispute.closed': {
    ...dispute,
    test: 'a won dispute restores exactly what it took',
    enable: 'required',
  },
  'charge.dispute.funds_withdrawn': {
    ...dispute,
    read: (event) =>
      readDispute(event.object, {
        ...asOf(event),
        movement: isSnapshot(event) ? 'withdrawn' : null,
      }),
    test: 'any order of refund and dispute events ends at the same balance',
    enable: 'required',
  },
  'charge.dispute.funds_reinstated': {
    ...dispute,
    read: (event) =>
      readDispute(event.object, {
        ...asOf(event),
        movement: isSnapshot(event) ? 'reinstated' : null,
      }),
    test: 'a won dispute restores exactly what it took',
    enable: 'required',
  },
  'credit_note.created': {
    ...creditNote,
    test: 'a credit note to the balance counts as money back, its refund only once',
    enable: 'useful',
  },
  'credit_note.updated': {
    ...creditNote,
    test: 'a credit note to the balance counts as money back, its refund only once',
    enable: 'useful',
  },
  'credit_note.voided': {
    ...creditNote,
    test: 'a credit note to the balance counts as money back, its refund only once',
    enable: 'useful',
  },
  'customer.subscription.created': {
    ...subscription,
    read: (event) => readSubscription(event.object, { ...asOf(event), asMade: isSnapshot(event) }),
    test: 'a subscription that ends keeps what was bought and stops later drips',
    enable: 'required',
  },
  'customer.subscription.updated': {
    ...subscription,
    test: 'a subscription that ends keeps what was bought and stops later drips',
    enable: 'required',
  },
  'customer.subscription.deleted': {
    ...subscription,
    test: 'a subscription that ends keeps what was bought and stops later drips',
    enable: 'required',
  },
  'customer.created': {
    ...customer,
    test: 'a customer whose metadata names its account is linked to it',
    enable: 'useful',
  },
  'customer.updated': {
    ...customer,
    test: 'a customer whose metadata names its account is linked to it',
    enable: 'useful',
  },
  'customer.deleted': {
    ...customer,
    read: (event) => readCustomer(event.object, { deleted: true }),
    command: 'none: the customer is marked as deleted, the ledger stays',
    test: 'a deleted customer keeps its ledger and gets a new customer at the next checkout',
    enable: 'useful',
  },
  'radar.early_fraud_warning.created': {
    ...fraudWarning,
    test: 'an early fraud warning moves no credits',
    enable: 'useful',
  },
  'radar.early_fraud_warning.updated': {
    ...fraudWarning,
    test: 'an early fraud warning freezes its credits where the catalogue says so',
    enable: 'useful',
  },
  'invoice.payment_failed': {
    ...nothing('The invoice is not paid; credits follow when it is.'),
    test: 'an unpaid session or an incomplete subscription grants nothing',
    enable: 'no',
  },
  'charge.succeeded': {
    ...nothing('Credits follow the session or the invoice, not the charge.'),
    test: 'event types that Florin has no use for are skipped, with the reason',
    enable: 'no',
  },
};

/** What an endpoint for Florin has to be subscribed to: `florin init` prints it. */
export function webhookEventTypes(): string[] {
  return Object.entries(HANDLERS)
    .filter(([, handler]) => handler.enable !== 'no')
    .map(([type]) => type);
}

/** Stripe names the thin event of a v1 object as its snapshot event, with this before it. */
const THIN_PREFIX = 'v1.';

/** The same for an event destination of thin events: each type as {@link webhookEventTypes}, thin. */
export function thinEventTypes(): string[] {
  return webhookEventTypes().map((type) => `${THIN_PREFIX}${type}`);
}

/** What the event's type is to Florin, whichever way it came; undefined: nothing. */
export function handlerOf({ type, payload }: StripeEvent): Handler | undefined {
  if (payload === 'snapshot') {
    return Object.hasOwn(HANDLERS, type) ? HANDLERS[type] : undefined;
  }
  const name = type.startsWith(THIN_PREFIX) ? type.slice(THIN_PREFIX.length) : '';
  return Object.hasOwn(HANDLERS, name) ? HANDLERS[name] : undefined;
}

/**
 * The fact an event carries; of a thin one once its object is fetched. Throws a ZodError when its object
 * is not what its type promises.
 */
export function factOf(event: StripeEvent): Fact {
  return (
    handlerOf(event)?.read(event) ?? {
      kind: 'nothing',
      reason: `Florin has no use for ${event.type}.`,
    }
  );
}
