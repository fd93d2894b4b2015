import { html } from 'hono/html';
import { needInvoice } from '../billing/invoices.ts';
import { rateOf } from '../billing/taxes.ts';
import { needCharge } from '../payments/charges.ts';
import type { Invoice } from '../shapes.ts';
import type { World } from '../world.ts';
import { type CheckoutNotice, cardField, errorNotice } from './checkout-page.ts';
import { day, document, type Html, money } from './html.ts';

/** The hosted page of an invoice: what it is for, and a way to pay it while it is open. */
export function invoicePage(world: World, id: string, notice: CheckoutNotice = {}): Html {
  const invoice = needInvoice(world, id);
  const lines = world.store.get('invoice_lines', id)?.lines ?? [];
  return document(
    `Invoice ${invoice.number ?? ''}`,
    html`<h1>Invoice ${invoice.number ?? id}</h1>
<p class="total">${money(invoice.total, invoice.currency)}</p><p>${invoice.status}, ${day(invoice.created)}${invoice.due_date === null ? '' : html`, due ${day(invoice.due_date)}`}</p>
${errorNotice(notice)}
${(invoice.custom_fields ?? []).map(({ name, value }) => html`<p><span class="dim">${name}</span> ${value}</p>`)}
<div class="card scroll" role="group" tabindex="0" aria-label="Table"><table><thead><tr><th>Item</th><th class="num">Quantity</th><th class="num">Amount</th></tr></thead>
<tbody>${lines.map((line) => html`<tr><td>${line.description}</td><td class="num">${String(line.quantity)}</td><td class="num">${money(line.amount, line.currency)}</td></tr>`)}</tbody>
${taxRows(world, invoice)}</table></div>
${invoice.status === 'open' ? payForm(invoice) : ''}
${invoice.footer === null ? '' : html`<p class="dim">${invoice.footer}</p>`}`,
  );
}

function payForm(invoice: Invoice): Html {
  return html`<form class="card" method="post" action="/invoices/${invoice.id}">
${cardField()}
<button class="main" type="submit" data-testid="pay">Pay ${money(invoice.amount_remaining, invoice.currency)}</button></form>`;
}

function taxRows(world: World, invoice: Invoice): Html | '' {
  const taxes = invoice.total_taxes ?? [];
  return taxes.length === 0
    ? ''
    : html`<tfoot>${taxes.map((tax) => {
        const rate = rateOf(world, tax);
        const words = `${rate?.display_name ?? 'Tax'} ${rate?.percentage ?? ''} %`;
        return html`<tr><td colspan="2">${words}${tax.tax_behavior === 'inclusive' ? ' (included)' : ''}</td><td class="num">${money(tax.amount, invoice.currency)}</td></tr>`;
      })}</tfoot>`;
}

export function receiptPage(world: World, id: string): Html {
  const charge = needCharge(world, id);
  return document(
    'Receipt',
    html`<h1>Receipt</h1><p class="total">${money(charge.amount, charge.currency)}</p>
<p>${charge.status}, ${day(charge.created)}; refunded ${money(charge.amount_refunded, charge.currency)}</p>`,
    { narrow: true },
  );
}
