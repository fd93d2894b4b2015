import { html } from 'hono/html';
import { invalid, noSuch } from '../api/errors.ts';
import { type Redemption, redemptionOfCode } from '../billing/discounts.ts';
import { endSubscription } from '../billing/end-subscription.ts';
import { nextPeriodEnd } from '../billing/renew.ts';
import { changeSubscription } from '../billing/subscription-status.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { updateSubscription } from '../billing/update-subscription.ts';
import { amountOf, hasCurrency } from '../catalog/amount.ts';
import { needPrice } from '../catalog/prices.ts';
import { needPortalSession } from '../checkout/portal.ts';
import { needConfiguration } from '../checkout/portal-configurations.ts';
import { scheduleChange } from '../schedules/create-schedule.ts';
import type {
  Invoice,
  PortalConfiguration,
  PortalSession,
  Price,
  Subscription,
} from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { day, document, every, type Html, money } from './html.ts';

/** The customer's own page: plans, cancelling, invoices. */
export function portalPage(world: World, id: string): Html {
  const session = needPortalSession(world, id);
  const subscriptions = world.store
    .where('subscription', 'customer', session.customer)
    .filter((one) => one.ended_at === null);
  const { features } = configurationOf(world, session);
  const invoices = world.store.where('invoice', 'customer', session.customer).toReversed();
  return document(
    'Billing',
    html`<h1>Your billing</h1>
${subscriptions.length === 0 ? html`<p data-testid="none">You have no subscription.</p>` : ''}
${subscriptions.map((subscription) => subscriptionCard(world, session, subscription))}
${features.invoice_history.enabled ? invoiceCard(invoices) : ''}
${session.return_url === null ? '' : html`<p><a href="${session.return_url}" data-testid="return">Back to the shop</a></p>`}`,
  );
}

function configurationOf(world: World, session: PortalSession): PortalConfiguration {
  return needConfiguration(world, String(session.configuration));
}

function invoiceCard(invoices: readonly Invoice[]): Html {
  return html`<section class="card"><h2>Invoices</h2><div class="scroll" role="group" tabindex="0" aria-label="Table"><table>
<thead><tr><th>Date</th><th>Number</th><th class="num">Total</th><th>Status</th></tr></thead>
<tbody>${invoices.map(invoiceRow)}</tbody></table></div></section>`;
}

function invoiceRow(invoice: Invoice): Html {
  return html`<tr><td>${day(invoice.created)}</td><td>${invoice.number ?? 'draft'}</td><td class="num">${money(invoice.total, invoice.currency)}</td><td>${invoice.status}</td></tr>`;
}

function subscriptionCard(world: World, session: PortalSession, subscription: Subscription): Html {
  const [item] = subscription.items.data;
  const configuration = configurationOf(world, session);
  const { subscription_update: updates, subscription_cancel: cancels } = configuration.features;
  const action = `/p/session/${session.id}/subscriptions/${subscription.id}`;
  return html`<section class="card" data-testid="subscription"><h2>${item?.price.nickname ?? item?.price.id ?? ''}</h2>
<p>${subscription.status}; ${subscription.cancel_at_period_end ? 'ends' : 'renews'} on ${day(nextPeriodEnd(subscription))}</p>
${
  updates.enabled
    ? html`<form class="row" method="post" action="${action}">${planField(world, session, subscription)}
<button type="submit" name="act" value="change">Change</button></form>`
    : ''
}
${cancels.enabled ? cancelForm(action, subscription, configuration) : ''}</section>`;
}

export function planField(world: World, session: PortalSession, subscription: Subscription): Html {
  const plans = plansOffered(world, configurationOf(world, session), subscription);
  const current = subscription.items.data[0]?.price.id;
  return html`<div class="grow"><label for="plan-${subscription.id}">Change plan</label>
<select id="plan-${subscription.id}" name="price">${plans.map((price) => planOption(price, { current, currency: subscription.currency }))}</select></div>`;
}

/** The default configuration offers both ways to cancel; another offers the one that it says. */
function cancelForm(
  action: string,
  subscription: Subscription,
  { features, is_default: isDefault }: PortalConfiguration,
): Html {
  const { mode } = features.subscription_cancel;
  const atEnd = subscription.cancel_at_period_end
    ? html`<button type="submit" name="act" value="keep">Keep the subscription</button>`
    : html`<button type="submit" name="act" value="cancel" data-testid="cancel-plan">Cancel at the end of the period</button>`;
  const now = html`<button type="submit" name="act" value="cancel_now">Cancel now</button>`;
  return html`<form method="post" action="${action}"><div class="row">${isDefault || mode === 'at_period_end' ? atEnd : ''} ${isDefault || mode === 'immediately' ? now : ''}</div></form>`;
}

/** The prices that the configuration lets customers change to; all, where it names none. */
function plansOffered(
  world: World,
  { features }: PortalConfiguration,
  subscription: Subscription,
): Price[] {
  const named = features.subscription_update.products?.flatMap((one) => one.prices) ?? [];
  return world.store
    .all('price')
    .filter(
      (price) =>
        price.active &&
        price.recurring !== null &&
        hasCurrency(price, subscription.currency) &&
        (named.length === 0 || named.includes(price.id)),
    );
}

function planOption(
  price: Price,
  { current, currency }: { current: string | undefined; currency: string },
): Html {
  return html`<option value="${price.id}" ${price.id === current ? 'selected' : ''}>${price.nickname ?? price.id}: ${money(amountOf(price, { quantity: 1, currency }), currency)} ${every(price.recurring)}</option>`;
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
  const { features, is_default: isDefault } = configurationOf(world, session);
  const act = fields['act'] ?? 'change';
  const allowed =
    act === 'change'
      ? features.subscription_update.enabled
      : features.subscription_cancel.enabled &&
        (isDefault ||
          (act === 'cancel_now') === (features.subscription_cancel.mode === 'immediately'));
  if (!allowed) {
    throw invalid('This portal’s configuration does not allow that.');
  }
  world.store.commit(() =>
    inTimeOf(world, subscription.customer, () => {
      const [item] = subscription.items.data;
      switch (act) {
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
          changePlan(world, {
            subscription,
            price: planChosen(world, configurationOf(world, session), {
              subscription,
              price: fields['price'] ?? '',
            }),
            item: fields['item'] ?? item?.id,
            quantity: fields['quantity'] === undefined ? undefined : Number(fields['quantity']),
            discounts: redemptionsIn(world, fields),
            features,
          });
      }
    }),
  );
}

function redemptionsIn(world: World, fields: Readonly<Record<string, string>>): Redemption[] {
  const { coupon, promotion_code: code } = fields;
  if (code !== undefined) {
    return [redemptionOfCode(world, code, 'promotion_code')];
  }
  return coupon === undefined ? [] : [{ coupon, promotionCode: null }];
}

function planChosen(
  world: World,
  configuration: PortalConfiguration,
  chosen: { subscription: Subscription; price: string },
): Price {
  const price = needPrice(world, chosen.price);
  if (!plansOffered(world, configuration, chosen.subscription).some(({ id }) => id === price.id)) {
    throw invalid('This portal does not offer that price.', { param: 'price' });
  }
  return price;
}

/** At once and prorated as the configuration says, or by a schedule where it says that this change waits. */
function changePlan(
  world: World,
  to: {
    subscription: Subscription;
    price: Price;
    item: string | undefined;
    quantity: number | undefined;
    discounts: Redemption[];
    features: PortalConfiguration['features'];
  },
): void {
  const { subscription, price, item, features } = to;
  const updates = features.subscription_update;
  const old = subscription.items.data.find((one) => one.id === item);
  const { currency } = subscription;
  const costs = (one: Price) => amountOf(one, { quantity: 1, currency });
  const waits =
    old !== undefined &&
    updates.schedule_at_period_end.conditions.some(({ type }) =>
      type === 'decreasing_item_amount'
        ? costs(price) < costs(old.price)
        : isShorter(price, old.price),
    );
  if (waits) {
    scheduleChange(world, subscription, { price, quantity: to.quantity ?? old.quantity ?? 1 });
    return;
  }
  updateSubscription(world, subscription, {
    items: [{ id: item, price, quantity: to.quantity }],
    ...(to.discounts.length === 0 ? {} : { discounts: to.discounts }),
    prorationBehavior: updates.proration_behavior,
  });
}

const LENGTHS: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30, year: 365 };

function isShorter(one: Price, other: Price): boolean {
  const days = ({ recurring }: Price) =>
    (LENGTHS[recurring?.interval ?? ''] ?? 0) * (recurring?.interval_count ?? 1);
  return days(one) < days(other);
}
