import { invalid, missingParameter } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { priceNamed } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { emit } from '../events/emit.ts';
import type { Invoice } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import type { World } from '../world.ts';
import { setLines } from './invoice-amounts.ts';
import { addInvoiceItem, lineOfItem } from './invoice-items.ts';
import { needInvoice } from './invoices.ts';
import { readItemAmount } from './item-amount.ts';

function mustBeDraft(invoice: Invoice): Invoice {
  if (invoice.status !== 'draft') {
    throw invalid(`Invoice ${invoice.id} is no longer editable.`, {
      code: 'invoice_not_editable',
    });
  }
  return invoice;
}

function linesIn(params: Params): Params[] {
  const lines = params.objects('lines');
  if (lines.length === 0) {
    throw missingParameter('lines');
  }
  return lines;
}

/** Adds lines to a draft: each is an invoice item, new or one that waits. */
export function addLines(world: World, invoice: Invoice, params: Params): Invoice {
  mustBeDraft(invoice);
  const added = linesIn(params).map((line) => draftOf(world, invoice, line));
  const drafts = world.store.get('invoice_plan', invoice.id)?.drafts ?? [];
  const after = setLines(world, invoice, [...drafts, ...added]);
  emit(world, 'invoice.updated', after, invoice);
  return after;
}

function draftOf(world: World, invoice: Invoice, line: Params): DraftLine {
  const waiting = line.text('invoice_item');
  if (waiting !== undefined) {
    const item = world.store.get('invoice_item', waiting);
    if (item === undefined || item.invoice !== null || item.customer !== invoice.customer) {
      throw invalid(`No such pending invoice item: '${waiting}'`, {
        param: line.name('invoice_item'),
        code: 'resource_missing',
      });
    }
    world.store.put('counter', { id: `taken:${item.id}`, value: 1 });
    return lineOfItem(world, world.store.put('invoice_item', { ...item, invoice: invoice.id }));
  }
  const { currency } = invoice;
  const price = priceNamed(world, line, currency) ?? null;
  const quantity = line.integer('quantity') ?? 1;
  const amount = readItemAmount(line, { price, quantity, currency });
  if (amount === undefined) {
    throw missingParameter(line.name('amount'));
  }
  const item = addInvoiceItem(world, {
    customer: invoice.customer ?? '',
    currency,
    amount,
    quantity,
    price,
    description: line.text('description') ?? null,
    period: { start: world.now(), end: world.now() },
    invoice: invoice.id,
    metadata: line.metadata(),
    taxRates: readTaxRates(world, line, 'tax_rates'),
  });
  return lineOfItem(world, item);
}

/** Changes lines of a draft; what is not said of a line stays. */
export function updateLines(world: World, before: Invoice, params: Params): Invoice {
  mustBeDraft(before);
  const changes = new Map(
    linesIn(params).map((asked) => [placeOf(world, before, asked), asked] as const),
  );
  const drafts = world.store.get('invoice_plan', before.id)?.drafts ?? [];
  const after = setLines(
    world,
    before,
    drafts.map((draft, at) => {
      const asked = changes.get(at);
      return asked === undefined ? draft : changedDraft(world, draft, asked);
    }),
  );
  emit(world, 'invoice.updated', after, before);
  return after;
}

function changedDraft(world: World, draft: DraftLine, asked: Params): DraftLine {
  const price = priceNamed(world, asked, draft.currency) ?? draft.price;
  const quantity = asked.integer('quantity') ?? draft.quantity;
  const priced = price !== null && (price !== draft.price || quantity !== draft.quantity);
  const period = asked.object('period');
  return {
    ...draft,
    price,
    quantity,
    amount:
      readItemAmount(asked, {
        price: priced ? price : null,
        quantity,
        currency: draft.currency,
      }) ?? draft.amount,
    description: asked.text('description') ?? draft.description,
    discountable: asked.flag('discountable') ?? draft.discountable ?? !draft.proration,
    period: {
      start: period?.integer('start') ?? draft.period.start,
      end: period?.integer('end') ?? draft.period.end,
    },
    taxRates: readTaxRates(world, asked, 'tax_rates') ?? draft.taxRates ?? null,
    metadata: asked.metadata(draft.metadata),
  };
}

/** Where on the invoice the line stands that a request names. */
function placeOf(world: World, invoice: Invoice, asked: Params): number {
  const id = asked.need('id');
  const at = (world.store.get('invoice_lines', invoice.id)?.lines ?? []).findIndex(
    (line) => line.id === id,
  );
  if (at < 0) {
    throw invalid(`No such invoice line item: '${id}'`, {
      param: asked.name('id'),
      code: 'resource_missing',
    });
  }
  return at;
}

/** Takes lines off a draft; their items are deleted, or wait for another invoice. */
export function removeLines(world: World, before: Invoice, params: Params): Invoice {
  mustBeDraft(before);
  for (const asked of linesIn(params)) {
    const behavior = asked.oneOf('behavior', ['delete', 'unassign']);
    if (behavior === undefined) {
      throw missingParameter(asked.name('behavior'));
    }
    const at = placeOf(world, before, asked);
    const drafts = world.store.get('invoice_plan', before.id)?.drafts ?? [];
    freeItem(world, drafts[at]?.invoiceItem ?? '', behavior);
    setLines(world, needInvoice(world, before.id), drafts.toSpliced(at, 1));
  }
  const after = needInvoice(world, before.id);
  emit(world, 'invoice.updated', after, before);
  return after;
}

function freeItem(world: World, id: string, behavior: 'delete' | 'unassign'): void {
  const item = world.store.get('invoice_item', id);
  if (item === undefined) {
    return;
  }
  world.store.remove('counter', `taken:${id}`);
  if (behavior === 'unassign') {
    world.store.put('invoice_item', { ...item, invoice: null });
    return;
  }
  world.store.remove('invoice_item', id);
  emit(world, 'invoiceitem.deleted', item);
}
