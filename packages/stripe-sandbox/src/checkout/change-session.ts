import { invalid, noSuch } from '../api/errors.ts';
import type { Redemption } from '../billing/discounts.ts';
import type { CheckoutSession, SessionLine } from '../shapes.ts';
import type { World } from '../world.ts';
import { reviseAttempt } from './attempts.ts';
import { customLine, withAmount } from './custom-amount.ts';
import { discountLines, lineOfOptional, totals } from './lines.ts';
import { isTrial, redemptionsOf, sessionPlan } from './sessions.ts';

/** The buyer (or the merchant) redeems a code on an open session. */
export function redeemOnSession(
  world: World,
  before: CheckoutSession,
  redemption: Redemption,
): CheckoutSession {
  const plan = sessionPlan(world, before.id);
  return requote(world, before, { lines: plan.lines, redemptions: [redemption] });
}

/** Another quantity of an adjustable line. */
export function setQuantity(
  world: World,
  before: CheckoutSession,
  change: { line: string; quantity: number },
): CheckoutSession {
  const lines = sessionPlan(world, before.id).lines.map((line) => {
    const limits = line.adjustable_quantity;
    if (line.id !== change.line || limits === null) {
      return line;
    }
    const quantity = Math.min(
      Math.max(change.quantity, limits.minimum ?? 0, 1),
      limits.maximum ?? 99,
    );
    const amount = Math.round((line.amount_subtotal / (line.quantity ?? 1)) * quantity);
    return { ...line, quantity, amount_subtotal: amount };
  });
  return requote(world, before, { lines, redemptions: redemptionsOf(world, before) });
}

/** The buyer says what to pay. Refused beyond the limits of the price, and where its price is fixed. */
export function setAmount(world: World, before: CheckoutSession, amount: number): CheckoutSession {
  const { lines } = sessionPlan(world, before.id);
  const custom = customLine(lines);
  if (custom === undefined) {
    throw invalid('The price of this Checkout Session is fixed.', { param: 'amount' });
  }
  const said = withAmount(custom, amount);
  if (said.amount_subtotal === custom.amount_subtotal) {
    return before;
  }
  return requote(world, before, {
    lines: lines.map((line) => (line === custom ? said : line)),
    redemptions: redemptionsOf(world, before),
  });
}

/** The buyer adds an optional item, or takes it off again where it is there. */
export function toggleOptional(
  world: World,
  before: CheckoutSession,
  price: string,
): CheckoutSession {
  const item = before.optional_items?.find((one) => one.price === price);
  if (item === undefined) {
    throw noSuch('optional item', price);
  }
  const plan = sessionPlan(world, before.id);
  const { [price]: known, ...others } = plan.chosen ?? {};
  const line = known === undefined ? lineOfOptional(world, item, before.currency) : undefined;
  const chosen = line === undefined ? others : { ...others, [price]: line.id };
  world.store.put('session_plan', { ...plan, chosen });
  const lines =
    line === undefined ? plan.lines.filter(({ id }) => id !== known) : [...plan.lines, line];
  return requote(world, before, { lines, redemptions: redemptionsOf(world, before) });
}

function requote(
  world: World,
  before: CheckoutSession,
  to: { lines: SessionLine[]; redemptions: Redemption[] },
): CheckoutSession {
  const plan = sessionPlan(world, before.id);
  const lines = discountLines(world, to.lines, to.redemptions);
  world.store.put('session_plan', { ...plan, lines });
  const quoted = world.store.put('checkout_session', {
    ...before,
    ...totals(lines, { trial: isTrial(plan.subscriptionData) }),
    discounts: to.redemptions.map((one) => ({
      coupon: one.promotionCode === null ? one.coupon : null,
      promotion_code: one.promotionCode,
    })),
  });
  return reviseAttempt(world, quoted);
}
