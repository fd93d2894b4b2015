import { html } from 'hono/html';
import { nextPeriodEnd } from '../billing/renew.ts';
import type { Charge, Customer, Dispute, Refund, StripeEvent, Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import { day, document, type Html, money } from './html.ts';

const SHOWN = 50;

/** The merchant's side of the sandbox: payments, subscriptions, disputes, the clock, deliveries. */
export function dashboardPage(world: World): Html {
  const charges = newest(world.store.all('charge'));
  const subscriptions = newest(world.store.all('subscription'));
  const disputes = newest(world.store.all('dispute'));
  const pending = world.store.where('payment_intent', 'status', 'processing');
  const refunds = world.store.all('refund').filter((refund) => refund.status === 'pending');
  return document(
    'Sandbox',
    html`<h1>Stripe sandbox</h1>
<p><a href="/sandbox/requests">Every request and its answer</a></p>
${clockCard(world)}
<section class="card"><h2>Payments</h2>${table(['When', 'Amount', 'Status', 'Refund', 'Dispute'], charges.map(chargeRow), 'No payment yet.')}</section>
${
  pending.length === 0
    ? ''
    : html`<section class="card"><h2>Bank debits on their way</h2>${table(
        ['Payment', 'Amount', 'Actions'],
        pending.map(
          (intent) =>
            html`<tr><td><code>${intent.id}</code></td><td class="num">${money(intent.amount, intent.currency)}</td><td>${act('settle', { intent: intent.id, as: 'succeeded' }, 'Arrives')} ${act('settle', { intent: intent.id, as: 'failed' }, 'Bounces')}</td></tr>`,
        ),
        '',
      )}</section>`
}
${refunds.length === 0 ? '' : html`<section class="card"><h2>Refunds on their way</h2>${table(['Refund', 'Amount', 'Actions'], refunds.map(refundRow), '')}</section>`}
<section class="card"><h2>Customers</h2>${table(
      ['Customer', 'Since', 'Subscriptions'],
      newest(world.store.all('customer')).map((customer) => customerRow(world, customer)),
      'No customer yet.',
    )}</section>
<section class="card"><h2>Subscriptions</h2>${table(['Customer', 'Plan', 'Status', 'Period ends', 'Actions'], subscriptions.map(subscriptionRow), 'No subscription yet.')}</section>
${disputes.length === 0 ? '' : html`<section class="card"><h2>Disputes</h2>${table(['Dispute', 'Amount', 'Status', 'Actions'], disputes.map(disputeRow), '')}</section>`}
${faultCard(world)}
<section class="card"><h2>Events</h2>${table(
      ['When', 'Type', 'Deliveries', 'Actions'],
      newest(world.store.all('event')).map((event) => eventRow(world, event)),
      'No event yet.',
    )}</section>`,
  );
}

function newest<T>(all: readonly T[]): T[] {
  return all.slice(-SHOWN).reverse();
}

/** Rows under their heads, or a sentence where there are none. */
export function table(heads: readonly string[], rows: readonly Html[], empty: string): Html {
  return rows.length === 0
    ? html`<p class="dim">${empty}</p>`
    : html`<div class="scroll" role="group" tabindex="0" aria-label="Table"><table><thead><tr>${heads.map((head) => html`<th>${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** One button that does one thing. */
function act(action: string, fields: Readonly<Record<string, string>>, label: string): Html {
  return html`<form method="post" action="/sandbox/api/${action}">${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button class="small" type="submit">${label}</button></form>`;
}

function clockCard(world: World): Html {
  const steps: readonly (readonly [string, string, string])[] = [
    ['days', '1', '1 day'],
    ['days', '7', '7 days'],
    ['months', '1', '1 month'],
    ['months', '12', '1 year'],
  ];
  return html`<section class="card"><h2>Clock</h2><p data-testid="now">${day(world.now())} UTC</p>
<div class="row">${steps.map(([unit, count, label]) => act('advance', { [unit]: count }, `Advance ${label}`))}</div></section>`;
}

function chargeRow(charge: Charge): Html {
  const left = charge.amount_captured - charge.amount_refunded;
  const refundable = charge.status === 'succeeded' && left > 0;
  return html`<tr data-testid="charge"><td>${day(charge.created)}<br><code>${charge.id}</code></td>
<td class="num">${money(charge.amount, charge.currency)}${charge.amount_refunded === 0 ? '' : html`<br><span class="dim">−${money(charge.amount_refunded, charge.currency)}</span>`}</td>
<td>${charge.status}${charge.disputed ? ', disputed' : ''}</td>
<td>${
    refundable
      ? html`<form method="post" action="/sandbox/api/refund"><input type="hidden" name="charge" value="${charge.id}"><input type="number" name="amount" min="1" max="${String(left)}" value="${String(left)}" aria-label="Amount to refund of ${charge.id}, in the smallest unit"><button class="small" type="submit">Refund</button></form>`
      : ''
  }</td>
<td>${charge.status === 'succeeded' && !charge.disputed ? html`${act('dispute', { charge: charge.id }, 'Dispute')} ${act('dispute', { charge: charge.id, inquiry: '1' }, 'Inquiry')}` : ''}</td></tr>`;
}

function refundRow(refund: Refund): Html {
  return html`<tr><td><code>${refund.id}</code></td><td class="num">${money(refund.amount, refund.currency)}</td>
<td>${act('finish-refund', { refund: refund.id, as: 'succeeded' }, 'Succeeds')} ${act('finish-refund', { refund: refund.id, as: 'failed' }, 'Fails')} ${act('finish-refund', { refund: refund.id, as: 'canceled' }, 'Cancel')}</td></tr>`;
}

function subscriptionRow(subscription: Subscription): Html {
  const [item] = subscription.items.data;
  const running = subscription.ended_at === null;
  return html`<tr data-testid="subscription-row"><td><a href="/sandbox/customers/${subscription.customer}"><code>${subscription.customer}</code></a></td><td>${item?.price.nickname ?? item?.price.id ?? ''}</td>
<td>${subscription.status}${subscription.cancel_at_period_end ? ', ends with the period' : ''}</td><td>${day(nextPeriodEnd(subscription))}</td>
<td>${
    running
      ? html`${act('cancel-subscription', { subscription: subscription.id }, 'Cancel')} ${act('set-card', { customer: subscription.customer, card: 'chargeCustomerFail' }, 'Let renewals fail')} ${act('set-card', { customer: subscription.customer, card: 'visa' }, 'Let renewals pay')}`
      : ''
  }</td></tr>`;
}

function customerRow(world: World, customer: Customer): Html {
  const running = world.store
    .where('subscription', 'customer', customer.id)
    .filter((one) => one.ended_at === null);
  return html`<tr><td><a href="/sandbox/customers/${customer.id}">${customer.email ?? customer.id}</a></td><td>${'created' in customer ? day(customer.created) : 'deleted'}</td><td>${running.map((one) => one.items.data[0]?.price.nickname ?? one.id).join(', ')}</td></tr>`;
}

function disputeRow(dispute: Dispute): Html {
  const inquiry = dispute.status.startsWith('warning_');
  const closed = ['won', 'lost', 'warning_closed', 'prevented'].includes(dispute.status);
  const close = (outcome: string, label: string) =>
    act('close-dispute', { dispute: dispute.id, outcome }, label);
  return html`<tr data-testid="dispute"><td><code>${dispute.id}</code></td><td class="num">${money(dispute.amount, dispute.currency)}</td><td>${dispute.status}</td>
<td>${closed ? '' : inquiry ? html`${act('escalate-dispute', { dispute: dispute.id }, 'Becomes a dispute')} ${close('warning_closed', 'Close')}` : html`${close('won', 'Won')} ${close('lost', 'Lost')}`}</td></tr>`;
}

function faultCard(world: World): Html {
  const on = Object.entries(world.faults)
    .filter(([, value]) => (Array.isArray(value) ? value.length > 0 : Boolean(value)))
    .map(([name, value]) => `${name}: ${String(value)}`);
  return html`<section class="card"><h2>Deliveries</h2><p>${on.length === 0 ? 'Delivered as they should be.' : `Going wrong on purpose: ${on.join(', ')}.`}</p>
<div class="row">${act('faults', { down: '1' }, 'Endpoints down')} ${act('faults', { duplicates: '1' }, 'Twice each')} ${act('faults', { reorder: '1' }, 'Out of order')} ${act('faults', { dropNext: '1' }, 'Lose the next')} ${act('faults', { twins: '1' }, 'Under two ids')} ${act('reset-faults', {}, 'As it should be')} ${act('retry-now', {}, 'Retry now')}</div></section>`;
}

function eventRow(world: World, event: StripeEvent): Html {
  const deliveries = world.store.where('delivery', 'event', event.id);
  const told = deliveries.map(
    (one) => `${one.status}${one.lastStatus === null ? '' : ` (${one.lastStatus})`}`,
  );
  return html`<tr><td>${day(event.created)}</td><td>${event.type}<br><code>${event.id}</code></td><td>${told.join(', ')}</td><td>${act('resend', { event: event.id }, 'Resend')}</td></tr>`;
}
