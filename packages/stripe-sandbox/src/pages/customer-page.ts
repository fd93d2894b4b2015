import { html } from 'hono/html';
import { noSuch } from '../api/errors.ts';
import type { World } from '../world.ts';
import { table } from './dashboard.ts';
import { day, document, type Html, money } from './html.ts';
import { timelineOf } from './timeline.ts';

/** One customer at the merchant's side: subscriptions over time, payments, invoices, events. */
export function customerPage(world: World, id: string): Html {
  const customer = world.store.get('customer', id);
  if (customer === undefined) {
    throw noSuch('customer', id);
  }
  const charges = world.store.where('charge', 'customer', id).toReversed();
  const invoices = world.store.where('invoice', 'customer', id).toReversed();
  return document(
    customer.email ?? id,
    html`<p><a href="/sandbox">Sandbox</a></p><h1>${customer.name ?? customer.email ?? id}</h1>
<p class="dim"><code>${id}</code>${customer.email == null ? '' : `, ${customer.email}`}</p>
<section class="card"><h2>Subscriptions</h2>${timelineOf(world, world.store.where('subscription', 'customer', id))}</section>
<section class="card"><h2>Payments</h2>${table(
      ['When', 'Amount', 'Status'],
      charges.map(
        (charge) =>
          html`<tr><td>${day(charge.created)}</td><td class="num">${money(charge.amount, charge.currency)}</td><td>${charge.status}${charge.refunded ? ', refunded' : ''}${charge.disputed ? ', disputed' : ''}</td></tr>`,
      ),
      'No payment yet.',
    )}</section>
<section class="card"><h2>Invoices</h2>${table(
      ['When', 'Number', 'Total', 'Status', 'Why'],
      invoices.map(
        (invoice) =>
          html`<tr><td>${day(invoice.created)}</td><td><a href="/invoices/${invoice.id}">${invoice.number ?? 'draft'}</a></td><td class="num">${money(invoice.total, invoice.currency)}</td><td>${invoice.status}</td><td>${invoice.billing_reason}</td></tr>`,
      ),
      'No invoice yet.',
    )}</section>`,
  );
}
