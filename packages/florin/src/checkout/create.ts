import { setTimeout as pause } from 'node:timers/promises';
import { ensureCustomer } from '../customers/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { PlanSession } from '../plan-session/index.ts';
import {
  explainStripe,
  isOtherParameters,
  isUnknownToStripe,
  type StripeClient,
} from '../stripe/index.ts';
import { type CheckoutRequest, type Choice, toChoice } from './choice.ts';
import type { CheckoutDeps } from './deps.ts';
import {
  type Attempt,
  abandonAttempt,
  beginCheckout,
  closeCheckout,
  consumePlanSession,
  recordCheckout,
  recordPlanCheckout,
} from './open.ts';
import { refuseSecondSubscription, refuseWhileLive } from './subscription-guard.ts';

export type Checkout = { readonly sessionId: string; readonly url: string };

type SessionParams = NonNullable<Parameters<StripeClient['checkout']['sessions']['create']>[0]>;
type Session = Awaited<ReturnType<StripeClient['checkout']['sessions']['retrieve']>>;
type Buying = {
  readonly accountId: string;
  readonly email: string | undefined;
  readonly choice: Choice;
};

/** Packs: one open checkout a choice. Subscriptions: one an account, for two would both be paid. */
const SUBSCRIPTION_SLOT = 'subscription';
const CHOICE_KEY = 'florin_choice';
const MAX_ROUNDS = 5;
const ROUND_PAUSE_MS = 150;

/**
 * Starts a checkout, or returns the one that this account has open for the same choice: calls may be
 * repeated and may race. The account is the caller's, the price the catalogue's, the mode and the
 * plan type are derived, and buyers return to APP_URL only. No transaction is open while Stripe is
 * asked. Throws `price_unknown`, `plan_session_invalid`, `already_subscribed`, `account_closed`,
 * `invalid_input`, `stripe_unavailable`, `stripe_rejected`, `rate_limited`.
 */
export async function createCheckout(
  deps: CheckoutDeps,
  request: CheckoutRequest,
): Promise<Checkout> {
  const { db, catalog, planSessions } = deps;
  const { accountId, email } = request;
  const planSession =
    request.planSession === undefined ? undefined : await planSessions.read(request.planSession);
  const choice = toChoice(catalog, request, planSession);
  if (planSession !== undefined) {
    const before = await takePlanSession(deps, { accountId, planSession });
    if (before !== undefined) {
      return before;
    }
  }
  if (choice.price.kind === 'recurring') {
    await refuseSecondSubscription(deps, { accountId, email });
  }
  const checkout = await openCheckout(deps, { accountId, email, choice });
  if (planSession !== undefined) {
    await recordPlanCheckout(db, { nonce: planSession.nonce, sessionId: checkout.sessionId });
  }
  return checkout;
}

/** One token, one checkout: its own buyer gets that one again while it is open, nobody else anything. */
async function takePlanSession(
  { db, stripe }: CheckoutDeps,
  use: { accountId: string; planSession: PlanSession },
): Promise<Checkout | undefined> {
  const { nonce, expiresAt } = use.planSession;
  const used = await consumePlanSession(db, { nonce, expiresAt, accountId: use.accountId });
  if (used.consumed || (used.accountId === use.accountId && used.checkoutSessionId === null)) {
    return undefined;
  }
  const session =
    used.accountId === use.accountId && used.checkoutSessionId !== null
      ? await findSession(stripe, used.checkoutSessionId)
      : undefined;
  const open = session === undefined ? undefined : asOpen(session);
  if (open === undefined) {
    throw new FlorinError(
      'plan_session_invalid',
      'The plan session has become a checkout before. Choose the plan again.',
    );
  }
  return open;
}

async function openCheckout(deps: CheckoutDeps, buying: Buying): Promise<Checkout> {
  const { accountId, choice } = buying;
  const slot = choice.price.kind === 'recurring' ? SUBSCRIPTION_SLOT : choice.fingerprint;
  const place = { accountId, slot };
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const attempt = await beginCheckout(deps.db, place);
    const checkout =
      attempt.checkoutSessionId === null
        ? await make(deps, { ...buying, ...place, attempt, isLastRound: round === MAX_ROUNDS })
        : await resume(deps, { ...buying, sessionId: attempt.checkoutSessionId });
    if (checkout !== undefined) {
      return checkout;
    }
    await pause(ROUND_PAUSE_MS * Math.random() * round);
  }
  throw new FlorinError(
    'conflict',
    'Other checkouts of this account are being started. Try again.',
  );
}

/** The open session again; undefined when it is over, or was for another plan and is ended for this one. */
async function resume(
  { db, stripe }: CheckoutDeps,
  { choice, sessionId }: Buying & { sessionId: string },
): Promise<Checkout | undefined> {
  const session = await findSession(stripe, sessionId);
  const open = session === undefined ? undefined : asOpen(session);
  if (session !== undefined && open !== undefined) {
    if (session.metadata?.[CHOICE_KEY] === choice.fingerprint) {
      return open;
    }
    await stripe.checkout.sessions.expire(sessionId).catch((error: unknown) => {
      // Paid or ended in this very moment; anything else is Stripe's to tell.
      const mapped = explainStripe(error);
      if (mapped.code !== 'stripe_rejected') {
        throw mapped;
      }
    });
  } else if (session?.status === 'complete' && choice.price.kind === 'recurring') {
    await refuseWhileLive(stripe, session.subscription);
  }
  await closeCheckout(db, sessionId);
  return undefined;
}

async function make(
  deps: CheckoutDeps,
  making: Buying & { slot: string; attempt: Attempt; isLastRound: boolean },
): Promise<Checkout | undefined> {
  const { db, stripe } = deps;
  const { accountId, email, slot, attempt } = making;
  const { attemptId } = attempt;
  const customerId = await ensureCustomer({ db, stripe }, { accountId, email });
  const abandon = () => abandonAttempt(db, { accountId, slot, attemptId });
  let session: Session;
  try {
    const params = await toParams(deps, making, customerId);
    session = await stripe.checkout.sessions.create(params, {
      idempotencyKey: `checkout:${attemptId}`,
    });
  } catch (error) {
    const mapped = explainStripe(error);
    if (mapped.code === 'stripe_unavailable' || mapped.code === 'rate_limited') {
      // Another call may be asking under this attempt's key right now: the attempt stays.
      throw mapped;
    }
    if (!isOtherParameters(mapped)) {
      await abandon();
      throw mapped;
    }
    // Another plan is being started under this key: its session is there in a moment. If nobody
    // records it, the key is of the past (other settings, a crash) and the next round takes a new one.
    if (making.isLastRound || slot !== SUBSCRIPTION_SLOT) {
      await abandon();
    }
    return undefined;
  }
  const open = asOpen(session);
  if (open === undefined) {
    await abandon();
    return undefined;
  }
  const expiresAt = new Date(session.expires_at * 1000);
  await recordCheckout(db, { accountId, slot, attemptId, ...open, expiresAt });
  return open;
}

async function toParams(
  deps: CheckoutDeps,
  { accountId, choice }: Buying,
  customerId: string,
): Promise<SessionParams> {
  const { price, quantity, boughtBy } = choice;
  const { automaticTax, promotionCodes } = deps.catalog.checkout;
  const { stripePriceId } = await deps.prices.resolve(price);
  const plan = encodeURIComponent(price.planType);
  const own = {
    userId: accountId,
    ...(boughtBy === undefined ? {} : { boughtBy }),
    planType: price.planType,
    priceId: price.id,
  };
  const account = boughtBy === undefined ? '' : `&account=${accountId}`;
  const metadata = {
    ...choice.metadata,
    ...own,
    quantity: String(quantity),
    [CHOICE_KEY]: choice.fingerprint,
  };
  return {
    mode: price.kind === 'recurring' ? 'subscription' : 'payment',
    customer: customerId,
    client_reference_id: accountId,
    line_items: [{ price: stripePriceId, quantity }],
    success_url: `${deps.appUrl}/index.html?success=true&session_id={CHECKOUT_SESSION_ID}&plan=${plan}${account}`,
    cancel_url: `${deps.appUrl}/pricing.html?canceled=true&plan=${plan}${account}`,
    metadata,
    allow_promotion_codes: promotionCodes,
    billing_address_collection: 'auto',
    ...(automaticTax
      ? {
          automatic_tax: { enabled: true },
          customer_update: { address: 'auto', name: 'auto' },
        }
      : {}),
    ...(price.kind === 'recurring'
      ? { subscription_data: { metadata: own } }
      : { payment_intent_data: { metadata: own } }),
  };
}

/** Undefined when Stripe does not know it. */
async function findSession(stripe: StripeClient, id: string): Promise<Session | undefined> {
  try {
    return await stripe.checkout.sessions.retrieve(id);
  } catch (error) {
    if (isUnknownToStripe(error)) {
      return undefined;
    }
    throw explainStripe(error);
  }
}

function asOpen({ id, status, url }: Session): Checkout | undefined {
  return status === 'open' && url !== null ? { sessionId: id, url } : undefined;
}
