import type Stripe from 'stripe';
import type { Catalog, CatalogPrice } from '../../src/catalog/index.ts';

/** What a customer's life comes to, by Stripe's objects alone. */
export type Truth = {
  /** The sum over paid lines of credits × share of the money that stayed; not rounded. */
  readonly credits: number;
  /** Lines that were counted: each may be rounded to a whole credit. */
  readonly lines: number;
  /** What the buyer has paid and not got back, neither as money nor as balance at Stripe. */
  readonly money: number;
  /** Money that Stripe gave back for what was not paid, or had gone back already. */
  readonly gifts: number;
};

type Line = {
  readonly id: string;
  readonly invoice: string;
  readonly price: CatalogPrice;
  readonly subscription: string | null;
  readonly quantity: number;
  readonly amount: number;
  readonly period: { start: number; end: number };
  /** The part of its invoice's money that did not go back. */
  readonly keeps: number;
  readonly credits: number;
  readonly credited: { invoice: string; lines: readonly string[] } | null;
};

/** Reads everything of the one customer that a sandbox has. `named`: whether credited items are known. */
export async function truthOf(
  stripe: Stripe,
  { catalog, named }: { catalog: Catalog; named: boolean },
): Promise<Truth> {
  const all = { limit: 100 };
  const charges = await stripe.charges.list(all).autoPagingToArray({ limit: 1000 });
  const refunds = await stripe.refunds.list(all).autoPagingToArray({ limit: 1000 });
  const disputes = await stripe.disputes.list(all).autoPagingToArray({ limit: 1000 });
  const notes = await stripe.creditNotes.list(all).autoPagingToArray({ limit: 1000 });
  const payments = await stripe.invoicePayments.list(all).autoPagingToArray({ limit: 1000 });
  const backOf = (charge: Stripe.Charge) =>
    Math.min(
      charge.amount,
      sum(
        refunds.filter((one) => one.charge === charge.id && stands(one.status ?? '')),
        (one) => one.amount,
      ) +
        sum(
          disputes.filter((one) => one.charge === charge.id && one.status !== 'won'),
          (one) => one.amount,
        ),
    );
  const chargesOf = (intents: readonly unknown[]) =>
    charges.filter((one) => one.status === 'succeeded' && intents.includes(one.payment_intent));
  const notBack = (value: number, back: number) =>
    value === 0 ? 1 : 1 - Math.min(value, back) / value;

  const lines: Line[] = [];
  let overpaid = 0;
  for (const invoice of await stripe.invoices
    .list({ ...all, status: 'paid' })
    .autoPagingToArray({ limit: 1000 })) {
    const intents = payments
      .filter((one) => one.invoice === invoice.id)
      .map((one) => one.payment.payment_intent);
    const applied = Math.max(0, (invoice.ending_balance ?? 0) - (invoice.starting_balance ?? 0));
    const back =
      sum(chargesOf(intents), backOf) +
      sum(
        notes.filter((note) => note.invoice === invoice.id),
        beside,
      );
    const value = invoice.amount_paid + applied;
    const keeps = notBack(value, back);
    overpaid += Math.max(0, back - value);
    const read = await stripe.invoices
      .listLineItems(invoice.id, all)
      .autoPagingToArray({ limit: 1000 });
    lines.push(
      ...read.flatMap((line) => toLine(line, { invoice: invoice.id, keeps, catalog, named })),
    );
  }
  const packs: { credits: number; keeps: number }[] = [];
  for (const session of await stripe.checkout.sessions
    .list(all)
    .autoPagingToArray({ limit: 1000 })) {
    if (session.mode === 'payment' && session.payment_status === 'paid') {
      const { data } = await stripe.checkout.sessions.listLineItems(session.id, all);
      const keeps = notBack(
        session.amount_total ?? 0,
        sum(chargesOf([session.payment_intent]), backOf),
      );
      packs.push(
        ...data.map((line) => ({
          keeps,
          credits: (find(catalog, line.price?.id)?.credits ?? 0) * (line.quantity ?? 0),
        })),
      );
    }
  }
  const { data: customers } = await stripe.customers.list(all);
  const net = netOf(lines);
  return {
    credits: net.credits + sum(packs, (pack) => pack.credits * pack.keeps),
    lines: lines.length + packs.length,
    gifts: net.gifts + overpaid,
    money:
      sum(
        charges.filter(({ status }) => status === 'succeeded'),
        (one) => one.amount - backOf(one),
      ) -
      sum(notes, (note) => note.out_of_band_amount ?? 0) +
      sum(customers, (one) => ('balance' in one ? one.balance : 0)),
  };
}

/** What each positive line keeps of its credits: less what went back of its invoice, and what is credited of it. */
function netOf(lines: readonly Line[]): { credits: number; gifts: number } {
  const granting = lines
    .filter(({ amount }) => amount > 0)
    .map((line) => ({ ...line, gross: 0, returned: 0 }));
  let gifts = 0;
  for (const back of lines.filter(({ amount }) => amount < 0).toSorted(byStart)) {
    let left = -back.amount;
    const credited = granting.filter((line) =>
      back.credited === null
        ? coversFor(line, back)
        : back.credited.invoice === line.invoice && back.credited.lines.includes(line.id),
    );
    for (const line of credited.toSorted((a, b) => byStart(b, a))) {
      const here = Math.min(left, line.amount - line.gross);
      line.gross += here;
      line.returned += here * back.keeps;
      left -= here;
    }
    gifts += left * back.keeps;
  }
  const credits = sum(granting, ({ credits, keeps, returned, amount }) => {
    gifts += Math.max(0, returned - keeps * amount);
    return credits * Math.max(0, keeps - returned / amount);
  });
  return { credits, gifts };
}

function coversFor(line: Line, back: Line): boolean {
  return (
    line.price.id === back.price.id &&
    line.subscription === back.subscription &&
    line.quantity === back.quantity &&
    line.period.start <= back.period.start &&
    line.period.end >= back.period.end
  );
}

function toLine(
  line: Stripe.InvoiceLineItem,
  on: { invoice: string; keeps: number; catalog: Catalog; named: boolean },
): Line[] {
  const price = find(on.catalog, line.pricing?.price_details?.price);
  if (price === undefined || line.amount === 0) {
    return [];
  }
  const details = line.parent?.subscription_item_details ?? line.parent?.invoice_item_details;
  const quantity = line.quantity ?? 1;
  const items = on.named ? details?.proration_details?.credited_items : null;
  return [
    {
      id: line.id,
      invoice: on.invoice,
      keeps: on.keeps,
      price,
      quantity,
      amount: line.amount,
      period: line.period,
      subscription: (details?.subscription as string | null | undefined) ?? null,
      credits: details?.proration
        ? (price.credits * line.amount) / price.unitAmount
        : price.credits * quantity,
      credited: items == null ? null : { invoice: items.invoice, lines: items.invoice_line_items },
    },
  ];
}

type Priced = CatalogPrice & { unitAmount: number };

function find(catalog: Catalog, price: unknown): Priced | undefined {
  return typeof price === 'string'
    ? (catalog.find({ priceId: price, lookupKey: null }) as Priced | undefined)
    : undefined;
}

/** What a credit note gave back beside its refunds. */
function beside(note: Stripe.CreditNote): number {
  const refunded = sum(note.refunds, (one) => one.amount_refunded);
  return note.status === 'void' ? 0 : (note.post_payment_amount ?? 0) - refunded;
}

function stands(status: string): boolean {
  return status !== 'failed' && status !== 'canceled';
}

function byStart(a: Line, b: Line): number {
  return a.period.start - b.period.start || (a.id < b.id ? -1 : 1);
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
