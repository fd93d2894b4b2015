import { isDeepStrictEqual } from 'node:util';
import { abandonAttempt, type Buyer, beginCheckout } from '../checkout/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { explainStripe, idOf, isOtherParameters, type StripeClient } from '../stripe/index.ts';
import { outdated, type Shown } from './confirmation.ts';
import type { PlanChangeDeps, Subscription, UpdateParams } from './deps.ts';
import { look, type PlanNamed, paramsOf } from './preview.ts';
import { findSubscription, manageAddress } from './subscription.ts';
import { planForSale, type Target, toTarget } from './target.ts';

export type PlanChanged = {
  readonly subscriptionId: string;
  readonly to: PlanNamed;
  /**
   * `paid`: the credits come with the invoice's event, in a moment. `processing`: a bank debit takes
   * days, and the credits come with it. `later`: all is on the next invoice.
   */
  readonly payment: 'paid' | 'processing' | 'later';
  readonly invoiceId: string | null;
  /** As they were shown. */
  readonly credits: { readonly added: number; readonly back: number };
  /** True when this preview was confirmed before. */
  readonly replayed: boolean;
};

/** Which preview a subscription was changed by last, kept in its metadata. */
const CHANGE_KEY = 'florin_change';
/** Another change of the same subscription is refused meanwhile; after a crash it is free again. */
const ATTEMPT_SECONDS = 60;

/** Codes of Stripe's for a payment that only its buyer can go on with. */
const NEEDS_BUYER: ReadonlySet<unknown> = new Set([
  'authentication_required',
  'subscription_payment_intent_requires_action',
  'invoice_payment_intent_requires_action',
]);

/**
 * Carries out what a preview has shown: the same change at the same moment, for the same money and
 * credits, or nothing at all. The same preview again answers the same and changes nothing. A payment
 * that fails or needs its buyer leaves the plan as it was (`payment_behavior: error_if_incomplete`).
 * No credits are moved here: they follow the invoice that Stripe announces. Throws
 * `preview_outdated`, `payment_failed`, `account_closed`, `conflict`, and what `previewPlanChange` throws.
 */
export async function changePlan(
  deps: PlanChangeDeps,
  { preview, ...buyer }: Buyer & { readonly preview: string },
): Promise<PlanChanged> {
  const { claims: shown, nonce } = await deps.confirmations.read(preview);
  if (shown.account !== buyer.accountId) {
    throw outdated('This is not a preview of this account.');
  }
  const place = { accountId: buyer.accountId, slot: `plan_change:${shown.subscription}` };
  // Before anything is read: two changes of one subscription share a key at Stripe, and one is refused.
  const { attemptId } = await beginCheckout(deps.db, place, ATTEMPT_SECONDS);
  const price = planForSale(deps, shown.price);
  const before = await findSubscription(deps, { ...buyer, subscriptionId: shown.subscription });
  const answer = (after: Subscription, replayed: boolean) => ({
    subscriptionId: after.id,
    to: { priceId: price.id, planType: price.planType, quantity: shown.quantity },
    ...paymentOf(before, after, replayed),
    credits: { added: shown.added, back: shown.back },
    replayed,
  });
  if (before.metadata[CHANGE_KEY] === nonce) {
    return answer(await withInvoice(deps, before.id), true);
  }
  const { quantity, prorationDate } = shown;
  const target = await toTarget(deps, { subscription: before, price, quantity });
  const now = await look(deps, { accountId: buyer.accountId, target, prorationDate });
  if (!isDeepStrictEqual(now.shown, shown)) {
    // Of two calls at once the other may have carried it out between the two looks of this one.
    const after = await withInvoice(deps, before.id);
    if (after.metadata[CHANGE_KEY] === nonce) {
      return answer(after, true);
    }
    throw outdated('It would cost or bring something else now.');
  }
  const params = toParams(target, { prorationDate, nonce });
  try {
    const after = await update(deps.stripe, { id: before.id, params, attemptId });
    await abandonAttempt(deps.db, { ...place, attemptId });
    reportOther(deps, after, target.billedNow ? shown : null);
    return answer(after, false);
  } catch (error) {
    if (!isUndecided(error)) {
      await abandonAttempt(deps.db, { ...place, attemptId });
    }
    throw error;
  }
}

/** Stripe's preview and Stripe's invoice are one computation; should they ever differ, a person must know. */
function reportOther(
  { logger }: PlanChangeDeps,
  { id, latest_invoice: made }: Subscription,
  shown: Shown | null,
): void {
  if (shown !== null && shown.total !== 0 && typeof made === 'object' && made !== null) {
    const { total, amount_due: due, id: invoiceId } = made;
    if (total !== shown.total || due !== shown.due) {
      const fields = { subscriptionId: id, invoiceId, shown, total, due };
      logger.error(fields, 'a change of plan cost something else than was shown');
    }
  }
}

function toParams(
  target: Target,
  { prorationDate, nonce }: { prorationDate: number | null; nonce: string },
): UpdateParams {
  const { to, quantity } = target;
  return {
    ...paramsOf(target, prorationDate),
    payment_behavior: 'error_if_incomplete',
    metadata: {
      planType: to.planType,
      priceId: to.id,
      quantity: String(quantity),
      [CHANGE_KEY]: nonce,
    },
    expand: ['latest_invoice'],
  };
}

async function update(
  stripe: StripeClient,
  change: { id: string; params: UpdateParams; attemptId: string },
): Promise<Subscription> {
  const { id, params, attemptId } = change;
  const idempotencyKey = `plan-change:${attemptId}`;
  try {
    return await stripe.subscriptions.update(id, params, { idempotencyKey });
  } catch (error) {
    throw explain(error, id);
  }
}

async function withInvoice({ stripe }: PlanChangeDeps, id: string): Promise<Subscription> {
  try {
    return await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
  } catch (error) {
    throw explainStripe(error);
  }
}

function paymentOf(
  before: Subscription,
  after: Subscription,
  replayed: boolean,
): Pick<PlanChanged, 'payment' | 'invoiceId'> {
  const invoice = typeof after.latest_invoice === 'string' ? null : after.latest_invoice;
  const isNew = replayed || invoice?.id !== idOf(before.latest_invoice);
  if (invoice === null || !isNew) {
    return { payment: 'later', invoiceId: null };
  }
  return { payment: invoice.status === 'paid' ? 'paid' : 'processing', invoiceId: invoice.id };
}

function explain(error: unknown, subscriptionId: string): FlorinError {
  const mapped = explainStripe(error);
  if (isOtherParameters(mapped)) {
    return new FlorinError(
      'conflict',
      'Another change of this subscription is under way. Look at the plan again in a moment.',
    );
  }
  const { status, stripeCode, declineCode } = mapped.details;
  const withoutCard = status === 400 && stripeCode === 'resource_missing';
  if (status !== 402 && !withoutCard) {
    return mapped;
  }
  const [reason, message] =
    NEEDS_BUYER.has(stripeCode) || NEEDS_BUYER.has(declineCode)
      ? [
          'needs_confirmation',
          'Your bank wants you to confirm this payment. Change the plan on the billing page, where it can ask you.',
        ]
      : withoutCard
        ? [
            'no_payment_method',
            'There is no card to charge. Save one on the billing page, then change the plan.',
          ]
        : [
            'declined',
            'Your card was declined. Use another one on the billing page, then change the plan.',
          ];
  return new FlorinError('payment_failed', `${message} Nothing was changed or charged.`, {
    details: { reason, subscriptionId, manage: manageAddress(subscriptionId) },
    cause: error,
  });
}

/** Stripe may have done it all the same, or another change is under way: only the key may tell. */
function isUndecided(error: unknown): boolean {
  const { code } = error as FlorinError;
  return code === 'stripe_unavailable' || code === 'conflict' || code === 'internal';
}
