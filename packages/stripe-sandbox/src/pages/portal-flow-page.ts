import { html } from 'hono/html';
import { invalid } from '../api/errors.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { amountOf } from '../catalog/amount.ts';
import { needPrice } from '../catalog/prices.ts';
import { needPortalSession } from '../checkout/portal.ts';
import { needConfiguration } from '../checkout/portal-configurations.ts';
import { endFlow, type Flow, isFlowDone } from '../checkout/portal-flows.ts';
import { changeCustomer, needCustomer } from '../customers/customers.ts';
import { addPaymentMethod, attachPaymentMethod } from '../customers/payment-methods.ts';
import { behaviourOfCard } from '../payments/behaviours.ts';
import type { PortalSession } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { cardField } from './checkout-page.ts';
import { document, every, type Html, money } from './html.ts';
import { planField, portalAction, portalPage } from './portal-page.ts';

type Fields = Readonly<Record<string, string>>;

/** The portal, or the one thing that its link is about until that is done. */
export function portalOrFlowPage(world: World, id: string): Html {
  const session = needPortalSession(world, id);
  const { flow } = session;
  if (flow === null) {
    return portalPage(world, id);
  }
  if (!isFlowDone(world, session)) {
    return flowPage(world, session, flow);
  }
  const { hosted_confirmation: told } = flow.after_completion;
  return told === null
    ? portalPage(world, id)
    : document(
        'Done',
        html`<h1>Done</h1><p data-testid="confirmation">${told.custom_message ?? 'Your change is made.'}</p>`,
        { narrow: true },
      );
}

const TITLES: Readonly<Record<string, string>> = {
  payment_method_update: 'Change your card',
  subscription_cancel: 'Cancel your subscription',
  subscription_update: 'Change your plan',
  subscription_update_confirm: 'Confirm your change',
};

function flowPage(world: World, session: PortalSession, flow: Flow): Html {
  const title = TITLES[flow.type] ?? 'Your billing';
  return document(
    title,
    html`<h1>${title}</h1>
<form class="card" method="post" action="/p/session/${session.id}/flow">${fieldsOf(world, session, flow)}
<button class="main" type="submit" data-testid="confirm">Confirm</button></form>
${session.return_url === null ? '' : html`<p><a href="${session.return_url}" data-testid="return">Back to the shop</a></p>`}`,
    { narrow: true },
  );
}

function fieldsOf(world: World, session: PortalSession, flow: Flow): Html | '' {
  switch (flow.type) {
    case 'payment_method_update':
      return cardField();
    case 'subscription_update':
      return planField(world, session, subscriptionOf(world, flow));
    case 'subscription_update_confirm':
      return confirmation(world, flow);
    default:
      return html`<p>${subscriptionOf(world, flow).items.data.map(({ price }) => price.nickname ?? price.id)}</p>`;
  }
}

function subscriptionOf(world: World, flow: Flow) {
  const about =
    flow.subscription_cancel ?? flow.subscription_update ?? flow.subscription_update_confirm;
  return needSubscription(world, about?.subscription ?? '');
}

function confirmation(world: World, flow: Flow): Html {
  const [item] = flow.subscription_update_confirm?.items ?? [];
  const price = needPrice(world, item?.price ?? '');
  const { currency } = subscriptionOf(world, flow);
  const quantity = item?.quantity ?? 1;
  return html`<p>${String(quantity)} × ${price.nickname ?? price.id}: ${money(amountOf(price, { quantity, currency }), currency)} ${every(price.recurring)}</p>`;
}

/** The customer confirms the flow; returns where they go then. */
export function confirmFlow(world: World, id: string, fields: Fields): string {
  const session = needPortalSession(world, id);
  const { flow } = session;
  if (flow === null || isFlowDone(world, session)) {
    throw invalid('There is nothing to confirm here.');
  }
  if (flow.type === 'payment_method_update') {
    changeCard(world, session, fields['card'] ?? '');
  } else {
    portalAction(
      world,
      { session: id, subscription: subscriptionOf(world, flow).id },
      actOf(world, session, { flow, fields }),
    );
  }
  return world.store.commit(() => endFlow(world, session));
}

function actOf(
  world: World,
  session: PortalSession,
  { flow, fields }: { flow: Flow; fields: Fields },
): Fields {
  if (flow.type === 'subscription_cancel') {
    const { features } = needConfiguration(world, String(session.configuration));
    return { act: features.subscription_cancel.mode === 'immediately' ? 'cancel_now' : 'cancel' };
  }
  const [item] = flow.subscription_update_confirm?.items ?? [];
  const [discount] = flow.subscription_update_confirm?.discounts ?? [];
  return item === undefined
    ? { act: 'change', price: fields['price'] ?? '' }
    : {
        act: 'change',
        item: item.id ?? '',
        price: item.price ?? '',
        quantity: String(item.quantity ?? 1),
        ...(discount?.coupon == null ? {} : { coupon: discount.coupon }),
        ...(discount?.promotion_code == null ? {} : { promotion_code: discount.promotion_code }),
      };
}

function changeCard(world: World, session: PortalSession, number: string): void {
  const behaviour = behaviourOfCard(number);
  if (behaviour === undefined) {
    throw invalid('This is no test card. Take one of those listed below the card number.');
  }
  world.store.commit(() =>
    inTimeOf(world, session.customer, () => {
      const method = addPaymentMethod(world, behaviour).id;
      attachPaymentMethod(world, method, session.customer);
      const customer = needCustomer(world, session.customer);
      changeCustomer(world, customer, {
        invoice_settings: { ...customer.invoice_settings, default_payment_method: method },
      });
    }),
  );
}
