import { invalid, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { moveBalance } from '../customers/balance-transactions.ts';
import { emit } from '../events/emit.ts';
import { refundCharge } from '../payments/refunds.ts';
import type { CreditNote, Invoice, Tax } from '../shapes.ts';
import { listOf } from '../shapes.ts';
import { inTimeOf, newId, nextNumber, type World } from '../world.ts';
import { needInvoice } from './invoices.ts';
import { onTop, rateOf, sumOf, taxesOn, totalTaxes } from './taxes.ts';

type Back = { refund: number; balance: number; outOfBand: number };

/** Takes back part of a finalized invoice: less to pay, or money back by refund, balance or otherwise. */
function createCreditNote(world: World, params: Params): CreditNote {
  const invoice = needFinalized(world, params);
  return inTimeOf(world, invoice.customer, () => issue(world, invoice, params));
}

function previewNote(world: World, params: Params): CreditNote {
  const invoice = needFinalized(world, params);
  return inTimeOf(world, invoice.customer, () => draftNote(world, invoice, params).note);
}

function needFinalized(world: World, params: Params): Invoice {
  const invoice = needInvoice(world, params.need('invoice'), 'invoice');
  if (invoice.status !== 'open' && invoice.status !== 'paid') {
    throw invalid('Credit notes are for finalized invoices.', { param: 'invoice' });
  }
  return invoice;
}

function issue(world: World, invoice: Invoice, params: Params): CreditNote {
  const { note: draft, back } = draftNote(world, invoice, params);
  const refund = back.refund > 0 ? refundOf(world, invoice, back.refund) : null;
  const credit =
    back.balance === 0
      ? null
      : moveBalance(world, {
          customer: invoice.customer ?? '',
          amount: -back.balance,
          currency: invoice.currency,
          type: 'credit_note',
          invoice: invoice.id,
        }).id;
  const number = String(nextNumber(world, `cn:${invoice.id}`)).padStart(2, '0');
  const note = world.store.put('credit_note', {
    ...draft,
    number: `${invoice.number ?? ''}-CN-${number}`,
    customer_balance_transaction: credit,
    refunds:
      refund === null
        ? []
        : [
            {
              amount_refunded: refund.amount,
              payment_record_refund: null,
              refund: refund.id,
              type: 'refund',
            },
          ],
  });
  count(world, invoice, { amount: note.amount, paid: note.type === 'post_payment' });
  emit(world, 'credit_note.created', note);
  return note;
}

/** The credit note that a request describes, before anything is done for it. */
function draftNote(
  world: World,
  invoice: Invoice,
  params: Params,
): { note: CreditNote; back: Back } {
  const lines = readLines(world, invoice, params);
  const taxes = totalTaxes(lines);
  const subtotal = lines.reduce((sum, line) => sum + line.amount, 0);
  const amount = params.integer('amount') ?? subtotal + onTop(taxes);
  const paid = invoice.status === 'paid';
  const most = paid
    ? invoice.amount_paid - invoice.post_payment_credit_notes_amount
    : invoice.amount_remaining;
  if (amount < 1 || amount > most) {
    throw invalid(`The credit note amount must be between 1 and ${most}.`, { param: 'amount' });
  }
  const back = paid ? readBack(params, amount) : { refund: 0, balance: 0, outOfBand: 0 };
  const note: CreditNote = {
    id: newId('cn'),
    object: 'credit_note',
    amount,
    amount_shipping: 0,
    created: world.now(),
    currency: invoice.currency,
    customer: invoice.customer ?? '',
    customer_account: null,
    customer_balance_transaction: null,
    discount_amount: 0,
    discount_amounts: [],
    effective_at: world.now(),
    invoice: invoice.id,
    lines: listOf(lines, '/v1/credit_notes/lines') as CreditNote['lines'],
    livemode: false,
    memo: params.text('memo') ?? null,
    metadata: params.metadata(),
    number: '',
    out_of_band_amount: back.outOfBand === 0 ? null : back.outOfBand,
    pdf: `${world.baseUrl()}/invoices/${invoice.id}/pdf`,
    post_payment_amount: paid ? amount : 0,
    pre_payment_amount: paid ? 0 : amount,
    pretax_credit_amounts: [],
    reason: params.text('reason') ?? null,
    refunds: [],
    shipping_cost: null,
    status: 'issued',
    subtotal: amount - onTop(taxes),
    subtotal_excluding_tax: amount - sumOf(taxes),
    total: amount,
    total_excluding_tax: amount - sumOf(taxes),
    total_taxes: taxes,
    type: paid ? 'post_payment' : 'pre_payment',
    voided_at: null,
  };
  return { note, back };
}

function readBack(params: Params, amount: number): Back {
  const balance = params.integer('credit_amount') ?? 0;
  const outOfBand = params.integer('out_of_band_amount') ?? 0;
  const refund = params.integer('refund_amount') ?? 0;
  if (refund + balance + outOfBand !== amount) {
    throw invalid(
      `The sum of refund_amount, credit_amount and out_of_band_amount must equal the credit note amount (${amount}).`,
      { param: 'refund_amount' },
    );
  }
  return { refund, balance, outOfBand };
}

function refundOf(world: World, invoice: Invoice, amount: number) {
  const payment = world.store
    .where('invoice_payment', 'invoice', invoice.id)
    .find((one) => one.status === 'paid');
  const charge = world.store.get(
    'payment_intent',
    payment?.payment.payment_intent ?? '',
  )?.latest_charge;
  if (charge == null) {
    throw invalid('This invoice has no payment to refund.', { param: 'refund_amount' });
  }
  return refundCharge(world, { charge, amount, reason: 'requested_by_customer' });
}

function count(world: World, before: Invoice, note: { amount: number; paid: boolean }): void {
  const invoice = world.store.put('invoice', {
    ...before,
    ...(note.paid
      ? {
          post_payment_credit_notes_amount: before.post_payment_credit_notes_amount + note.amount,
        }
      : {
          pre_payment_credit_notes_amount: before.pre_payment_credit_notes_amount + note.amount,
          amount_due: before.amount_due - note.amount,
          amount_remaining: before.amount_remaining - note.amount,
        }),
  });
  emit(world, 'invoice.updated', invoice, before);
}

type NoteLine = {
  id: string;
  object: 'credit_note_line_item';
  amount: number;
  taxes: Tax[];
} & Record<string, unknown>;

function readLines(world: World, invoice: Invoice, params: Params): NoteLine[] {
  const invoiced = world.store.get('invoice_lines', invoice.id)?.lines ?? [];
  return params.objects('lines').map((line) => {
    const of = invoiced.find((one) => one.id === line.text('invoice_line_item'));
    const quantity = line.integer('quantity') ?? 1;
    const unit = line.integer('unit_amount');
    const amount =
      line.integer('amount') ?? (unit === undefined ? (of?.amount ?? 0) : unit * quantity);
    const rates =
      of === undefined
        ? (readTaxRates(world, line, 'tax_rates') ?? [])
        : (of.taxes ?? []).flatMap((tax) => rateOf(world, tax) ?? []);
    return {
      id: newId('cnli'),
      object: 'credit_note_line_item',
      amount,
      description: line.text('description') ?? of?.description ?? null,
      discount_amount: 0,
      discount_amounts: [],
      invoice_line_item: of?.id,
      livemode: false,
      metadata: {},
      pretax_credit_amounts: [],
      quantity,
      tax_rates: rates,
      taxes: taxesOn(amount, rates, invoice.customer_tax_exempt),
      type: line.text('type') ?? 'custom_line_item',
      unit_amount: unit ?? null,
      unit_amount_decimal: unit === undefined ? null : String(unit),
    };
  });
}

function needNote(world: World, id: string): CreditNote {
  const note = world.store.get('credit_note', id);
  if (note === undefined) {
    throw noSuch('credit_note', id);
  }
  return note;
}

export const creditNoteRoutes: readonly Route[] = [
  ['post', '/v1/credit_notes', ({ world, params }) => createCreditNote(world, params)],
  [
    'get',
    '/v1/credit_notes',
    ({ world, params }) => {
      const all = filtered(world.store.all('credit_note').reverse(), params, [
        'customer',
        'invoice',
      ]);
      return page(all, params, '/v1/credit_notes');
    },
  ],
  ['get', '/v1/credit_notes/preview', ({ world, params }) => previewNote(world, params)],
  [
    'get',
    '/v1/credit_notes/preview/lines',
    ({ world, params }) =>
      page(previewNote(world, params).lines.data, params, '/v1/credit_notes/preview/lines'),
  ],
  [
    'get',
    '/v1/credit_notes/:id/lines',
    ({ world, path, params }) => {
      const { id, lines } = needNote(world, path('id'));
      return page(lines.data, params, `/v1/credit_notes/${id}/lines`);
    },
  ],
  ['get', '/v1/credit_notes/:id', ({ world, path }) => needNote(world, path('id'))],
  [
    'post',
    '/v1/credit_notes/:id',
    ({ world, path, params }) => {
      const before = needNote(world, path('id'));
      const note = world.store.put('credit_note', {
        ...before,
        metadata: params.metadata(before.metadata ?? {}),
        memo: params.text('memo') ?? before.memo,
      });
      emit(world, 'credit_note.updated', note, before);
      return note;
    },
  ],
  [
    'post',
    '/v1/credit_notes/:id/void',
    ({ world, path }) => {
      const before = needNote(world, path('id'));
      if (before.type !== 'pre_payment') {
        throw invalid('Only a credit note on an open invoice can be voided.');
      }
      const invoice = needInvoice(world, String(before.invoice));
      count(world, invoice, { amount: -before.amount, paid: false });
      const note = world.store.put('credit_note', {
        ...before,
        status: 'void',
        voided_at: world.now(),
      });
      emit(world, 'credit_note.voided', note, before);
      return note;
    },
  ],
];
