import { ApiError, invalid } from '../api/errors.ts';
import { findPromotionCode } from '../catalog/coupons.ts';
import {
  redeemOnSession,
  setAmount,
  setQuantity,
  toggleOptional,
} from '../checkout/change-session.ts';
import { needSession, needsMethod } from '../checkout/sessions.ts';
import { submitSession } from '../checkout/submit.ts';
import { addPaymentMethod } from '../customers/payment-methods.ts';
import { behaviourOfCard } from '../payments/behaviours.ts';
import type { CheckoutSession } from '../shapes.ts';
import type { World } from '../world.ts';
import { asTyped, typedAmount } from './html.ts';

/** What a form of the hosted page leads to: another address, or the page again with a reason. */
export type Step = { to: string } | { error: string; amount?: string | undefined };

type Fields = Readonly<Record<string, string>>;

/** The buyer pressed Pay. */
export function pressPay(world: World, id: string, fields: Fields): Step {
  const open = needSession(world, id);
  if (open.status !== 'open') {
    return { to: afterwards(world, open) };
  }
  const said =
    fields['amount'] === undefined ? undefined : sayAmount(world, open, fields['amount']);
  if (said !== undefined) {
    return said;
  }
  return payNow(world, needSession(world, id), fields);
}

function payNow(world: World, open: CheckoutSession, fields: Fields): Step {
  const behaviour = needsMethod(open) ? behaviourOfForm(fields) : null;
  if (behaviour === undefined) {
    return { error: 'This is no test card. Take one of those listed below the card number.' };
  }
  return world.store.commit(() => {
    const submitted = submitSession(world, open.id, {
      ...(behaviour === null ? {} : { method: addPaymentMethod(world, behaviour).id }),
      email: fields['email'],
    });
    switch (submitted.outcome) {
      case 'declined':
        return { error: `${submitted.message} Try another card; nothing was charged.` };
      case 'requires_action':
        return { to: submitted.url };
      default:
        return { to: afterwards(world, submitted.session) };
    }
  });
}

function behaviourOfForm(fields: Fields): string | undefined {
  const way = fields['way'] ?? 'card';
  return way === 'card' ? behaviourOfCard(fields['card'] ?? '') : way;
}

/** Where the buyer goes after a complete session; the shop's page with the session's id in it. */
export function afterwards(world: World, session: CheckoutSession): string {
  return (
    session.success_url?.replaceAll('{CHECKOUT_SESSION_ID}', session.id) ??
    `${world.baseUrl()}/c/pay/${session.id}`
  );
}

export function pressCancel(world: World, id: string): string {
  const session = needSession(world, id);
  return session.cancel_url ?? `${world.baseUrl()}/c/pay/${id}`;
}

export function applyPromotion(world: World, id: string, code: string): Step {
  const session = needSession(world, id);
  const found = findPromotionCode(world, code);
  const coupon = found?.promotion.coupon;
  if (
    found === undefined ||
    coupon == null ||
    session.status !== 'open' ||
    !session.allow_promotion_codes
  ) {
    return { error: 'This code is invalid.' };
  }
  try {
    world.store.commit(() => redeemOnSession(world, session, { coupon, promotionCode: found.id }));
  } catch (error) {
    if (error instanceof ApiError) {
      return { error: error.message };
    }
    throw error;
  }
  return { to: `${world.baseUrl()}/c/pay/${id}` };
}

/** The buyer says what to pay: undefined once it is kept, or the page again with what was typed. */
function sayAmount(world: World, session: CheckoutSession, typed: string): Step | undefined {
  const amount = typedAmount(typed, session.currency ?? 'usd');
  if (amount === undefined) {
    const example = asTyped(1250, session.currency ?? 'usd');
    return { error: `Enter an amount such as ${example}.`, amount: typed };
  }
  try {
    world.store.commit(() => setAmount(world, session, amount));
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) {
      return { error: error.message, amount: typed };
    }
    throw error;
  }
}

export function changeAmount(world: World, id: string, fields: Fields): Step {
  const session = needSession(world, id);
  if (session.status !== 'open') {
    throw invalid('This Checkout Session is no longer open.');
  }
  const refused = sayAmount(world, session, fields['amount'] ?? '');
  return refused ?? { to: `${world.baseUrl()}/c/pay/${id}` };
}

export function changeQuantity(world: World, id: string, fields: Fields): Step {
  const session = needSession(world, id);
  const quantity = Number(fields['quantity']);
  if (session.status !== 'open' || !Number.isInteger(quantity)) {
    throw invalid('The quantity must be a whole number.');
  }
  world.store.commit(() => setQuantity(world, session, { line: fields['line'] ?? '', quantity }));
  return { to: `${world.baseUrl()}/c/pay/${id}` };
}

export function chooseOptional(world: World, id: string, fields: Fields): Step {
  const session = needSession(world, id);
  if (session.status !== 'open') {
    throw invalid('This Checkout Session is no longer open.');
  }
  world.store.commit(() => toggleOptional(world, session, fields['price'] ?? ''));
  return { to: `${world.baseUrl()}/c/pay/${id}` };
}

/** A page shows what an API call would answer. */
export function explain(error: unknown): string {
  return error instanceof ApiError ? error.message : 'The sandbox failed; its log says why.';
}
