import { html } from 'hono/html';
import { noSuch } from '../api/errors.ts';
import { endSubscription } from '../billing/end-subscription.ts';
import { nextPeriodEnd } from '../billing/renew.ts';
import { changeSubscription } from '../billing/subscription-status.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { updateSubscription } from '../billing/update-subscription.ts';
import { needPrice } from '../catalog/prices.ts';
import { needPortalSession } from '../checkout/portal.ts';
import type { Invoice, Price, Subscription } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { day, document, every, type Html, money } from './html.ts';

/** The customer's own page: plans, cancelling, invoices. */
export function portalPage(world: World, id: string): Html {
  const session = needPortalSession(world, id);
  const subscriptions = world.store
    .where('subscription', 'customer', session.customer)
    .filter((one) => one.ended_at === null);
  const invoices = world.store.where('invoice', 'customer', session.customer).toReversed();
  return document(
    'Billing',
    html`<h1>Your billing</h1>
${subscriptions.length === 0 ? html`<p data-testid="none">You have no subscription.</p>` : ''}
${subscriptions.map((subscription) => subscriptionCard(world, id, subscription))}
<section class="card"><h2>Invoices</h2><div class="scroll" role="group" tabindex="0" aria-label="Table"><table>
<thead><tr><th>Date</th><th>Number</th><th class="num">Total</th><th>Status</th></tr></thead>
<tbody>${invoices.map(invoiceRow)}</tbody></table></div></section>
${session.return_url === null ? '' : html`<p><a href="${session.return_url}" data-testid="return">Back to the shop</a></p>`}`,
  );
}

function invoiceRow(invoice: Invoice): Html {
  return html`<tr><td>${day(invoice.created)}</td><td>${invoice.number ?? 'draft'}</td><td class="num">${money(invoice.total, invoice.currency)}</td><td>${invoice.status}</td></tr>`;
}

function subscriptionCard(world: World, session: string, subscription: Subscription): Html {
  const [item] = subscription.items.data;
  const plans = world.store
    .all('price')
    .filter(
      (price) =>
        price.active && price.recurring !== null && price.currency === subscription.currency,
    );
  const action = `/p/session/${session}/subscriptions/${subscription.id}`;
  return html`<section class="card" data-testid="subscription"><h2>${item?.price.nickname ?? item?.price.id ?? ''}</h2>
<p>${subscription.status}; ${subscription.cancel_at_period_end ? 'ends' : 'renews'} on ${day(nextPeriodEnd(subscription))}</p>
<form class="row" method="post" action="${action}"><div class="grow"><label for="plan-${subscription.id}">Change plan</label>
<select id="plan-${subscription.id}" name="price">${plans.map((price) => planOption(price, item?.price.id))}</select></div>
<button type="submit" name="act" value="change">Change</button></form>
<form method="post" action="${action}"><div class="row">${
    subscription.cancel_at_period_end
      ? html`<button type="submit" name="act" value="keep">Keep the subscription</button>`
      : html`<button type="submit" name="act" value="cancel" data-testid="cancel-plan">Cancel at the end of the period</button>`
  } <button type="submit" name="act" value="cancel_now">Cancel now</button></div></form></section>`;
}

function planOption(price: Price, current: string | undefined): Html {
  return html`<option value="${price.id}" ${price.id === current ? 'selected' : ''}>${price.nickname ?? price.id}: ${money(price.unit_amount ?? 0, price.currency)} ${every(price.recurring)}</option>`;
}

/** Carries out one of the page's buttons. Changing the plan is invoiced at once, as portals do. */
export function portalAction(
  world: World,
  at: { session: string; subscription: string },
  fields: Readonly<Record<string, string>>,
): void {
  const session = needPortalSession(world, at.session);
  const subscription = needSubscription(world, at.subscription);
  if (subscription.customer !== session.customer) {
    throw noSuch('subscription', at.subscription);
  }
  world.store.commit(() =>
    inTimeOf(world, subscription.customer, () => {
      const [item] = subscription.items.data;
      switch (fields['act']) {
        case 'cancel':
          changeSubscription(world, subscription, {
            cancel_at_period_end: true,
            cancel_at: nextPeriodEnd(subscription),
            canceled_at: world.now(),
          });
          break;
        case 'keep':
          changeSubscription(world, subscription, {
            cancel_at_period_end: false,
            cancel_at: null,
            canceled_at: null,
          });
          break;
        case 'cancel_now':
          endSubscription(world, subscription, 'cancellation_requested');
          break;
        default:
          updateSubscription(world, subscription, {
            items: [{ id: item?.id, price: needPrice(world, fields['price'] ?? '') }],
            prorationBehavior: 'always_invoice',
          });
      }
    }),
  );
}
