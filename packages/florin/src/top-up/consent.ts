import { type Catalog, type CatalogPrice, forSale } from '../catalog/index.ts';
import { ensureCustomer, isSessionOf, noteCheckoutSession } from '../customers/index.ts';
import type { Executor, Row } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { explainStripe } from '../stripe/index.ts';
import type { TopUpDeps } from './deps.ts';
import { findPaymentMethod, type PaymentMethod, paymentMethodOf } from './payment-method.ts';

/** Why nothing is bought until the buyer resumes; docs/top-up.md says what to do about each. */
export type PauseReason =
  | 'no_payment_method'
  | 'card_declined'
  | 'authentication_required'
  | 'price_changed'
  | 'stripe_rejected'
  | 'account_closed'
  | 'debt'
  | 'disputed';

export type TopUpConsent = {
  readonly status: 'active' | 'paused' | 'off';
  readonly pauseReason: PauseReason | null;
  readonly priceId: string;
  readonly quantity: number;
  readonly credits: number;
  readonly amountMinor: number;
  readonly currency: string;
  /** Available credits below which a top-up begins. */
  readonly threshold: number;
  readonly maxPerMonth: number;
  /** How the payment method is shown to its owner: `visa •••• 4242`. */
  readonly paymentMethod: string | null;
  readonly consentedAt: Date;
};

/** A top-up as its buyer sees it. */
export type TopUp = {
  readonly topUpId: string;
  readonly status: 'charging' | 'needs_action' | 'voiding' | 'paid' | 'credited' | 'failed';
  readonly credits: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly failureCode: string | null;
  /** Where a buyer whose bank asks for them pays; null otherwise. */
  readonly payUrl: string | null;
  readonly createdAt: Date;
};

export type TopUpState = {
  readonly consent: TopUpConsent | null;
  /** Newest first, at most twelve. */
  readonly topUps: readonly TopUp[];
  /** What may be chosen: one-time prices that the catalogue marks `topUp`. */
  readonly offers: readonly { readonly priceId: string; readonly credits: number }[];
};

export type ConsentRequest = {
  readonly accountId: string;
  readonly email?: string | undefined;
  readonly priceId: string;
  readonly quantity: number;
  readonly threshold: number;
  readonly maxPerMonth: number;
  /** What the buyer was shown for one top-up, before taxes; another price is not agreed to. */
  readonly amountMinor: number;
  readonly currency: string;
};

const SHOWN = 12;

/** What an account has agreed to, and its latest top-ups. Asks Stripe nothing. */
export async function readTopUp(
  { db, catalog }: Pick<TopUpDeps, 'db' | 'catalog'>,
  accountId: string,
): Promise<TopUpState> {
  const [consents, topUps] = await Promise.all([
    db.query<Row & TopUpConsent>(
      {
        name: 'billing_top_up_consent',
        text: `select status, pause_reason, price_id, quantity, credits, amount_minor, currency,
                      threshold, max_per_month, payment_method_label as payment_method, consented_at
                 from billing.top_up_consents where account_id = $1`,
      },
      [accountId],
    ),
    db.query<Row & TopUp>(
      {
        name: 'billing_top_ups_of',
        text: `select top_up_id, status, credits, amount_minor, currency, failure_code,
                      case when status = 'needs_action' then hosted_invoice_url end as pay_url,
                      created_at
                 from billing.top_ups where account_id = $1 order by created_at desc limit $2`,
      },
      [accountId, SHOWN],
    ),
  ]);
  const offers = catalog.prices
    .filter((price) => price.topUp === true)
    .map(({ id, credits }) => ({ priceId: id, credits }));
  return { consent: consents[0] ?? null, topUps, offers };
}

/**
 * Keeps what a buyer agrees to, in place of what they agreed to before; repeating it is harmless. It
 * is paused with `no_payment_method` until a card is saved. Throws `price_unknown` for a price that
 * is not offered for top-up, `price_changed` when it costs something else than the buyer was shown,
 * `invalid_input`, `stripe_unavailable`.
 */
export async function consentToTopUp(deps: TopUpDeps, request: ConsentRequest): Promise<void> {
  const { db, stripe, catalog, prices } = deps;
  const { accountId, email, quantity, threshold, maxPerMonth } = request;
  const price = offered(forSale(catalog, request.priceId));
  const credits = price.credits * quantity;
  refuseEndless(catalog, { credits, threshold, quantity });
  const { stripePriceId, amountMinor, currency, active } = await prices.resolve(price);
  const amount = (amountMinor ?? 0) * quantity;
  if (!active || amount < 1) {
    throw new FlorinError('price_unknown', `${price.id} has no fixed price above zero at Stripe.`, {
      details: { priceId: price.id },
    });
  }
  if (amount !== request.amountMinor || currency !== request.currency) {
    throw new FlorinError(
      'price_changed',
      `A top-up of ${quantity} × ${price.id} costs ${amount} ${currency} (smallest unit) now. Show that, and ask again.`,
      { details: { amountMinor: amount, currency } },
    );
  }
  const customerId = await ensureCustomer({ db, stripe }, { accountId, email });
  const method = await findPaymentMethod(stripe, customerId);
  await db.query('select billing.consent_to_top_up($1, $2)', [
    accountId,
    JSON.stringify({
      priceId: price.id,
      stripePriceId,
      quantity,
      credits,
      amountMinor: amount,
      currency,
      threshold,
      maxPerMonth,
      customerId,
      paymentMethodId: method?.id ?? null,
      paymentMethodLabel: method?.label ?? null,
    }),
  ]);
}

/**
 * Goes on under the terms agreed to before: with the card that a setup session has just saved, or
 * with the one that the customer has. Throws `not_found` when nothing was agreed to and, without asking
 * Stripe, for a session that was not made for the account,
 * `payment_method_missing` without a card, `stripe_unavailable`. Repeatable.
 */
export async function resumeTopUp(
  { db, stripe }: TopUpDeps,
  request: { accountId: string; setupSessionId?: string | undefined },
): Promise<void> {
  const { accountId, setupSessionId } = request;
  const customerId = await customerOf(db, accountId);
  if (setupSessionId !== undefined) {
    await refuseUnknown(db, { accountId, sessionId: setupSessionId });
  }
  const method: PaymentMethod | undefined =
    setupSessionId === undefined
      ? await findPaymentMethod(stripe, customerId)
      : await paymentMethodOf(stripe, { customerId, setupSessionId });
  if (method === undefined) {
    throw new FlorinError('payment_method_missing', 'Save a card first.');
  }
  await db.query('select billing.resume_top_up($1, $2, $3)', [accountId, method.id, method.label]);
}

/** Ends the consent: nothing more is bought. False when it was off. Repeatable. */
export async function stopTopUp(db: Executor, accountId: string): Promise<boolean> {
  const rows = await db.query<Row & { stopped: boolean }>(
    'select billing.stop_top_up($1) as stopped',
    [accountId],
  );
  return rows[0]?.stopped ?? false;
}

/**
 * Stripe's page that saves a card for the account's own customer. It returns to APP_URL with
 * `top_up=card_saved` and the session's id, for {@link resumeTopUp}. Throws `not_found` when nothing
 * was agreed to, `stripe_unavailable`, `stripe_rejected`.
 */
export async function saveCard(
  { db, stripe, appUrl }: TopUpDeps,
  { accountId, userId }: { readonly accountId: string; readonly userId: string },
): Promise<{ readonly url: string }> {
  const customer = await customerOf(db, accountId);
  const account = accountId === userId ? '' : `account=${accountId}`;
  try {
    const { id, url } = await stripe.checkout.sessions.create({
      mode: 'setup',
      customer,
      allowed_payment_method_types: ['card', 'link'],
      success_url: `${appUrl}/index.html?top_up=card_saved&session_id={CHECKOUT_SESSION_ID}${account && `&${account}`}`,
      cancel_url: `${appUrl}/index.html${account && `?${account}`}`,
      metadata: { userId: accountId },
    });
    if (url === null) {
      throw new FlorinError('stripe_unavailable', 'Stripe gave no page. Try again.');
    }
    await noteCheckoutSession(db, { accountId, sessionId: id });
    return { url };
  } catch (error) {
    throw explainStripe(error);
  }
}

/** A made-up id is answered without asking Stripe. */
async function refuseUnknown(
  db: Executor,
  session: { accountId: string; sessionId: string },
): Promise<void> {
  if (!(await isSessionOf(db, session))) {
    throw new FlorinError('not_found', 'That page did not save a card for this account.');
  }
}

async function customerOf(db: Executor, accountId: string): Promise<string> {
  const rows = await db.query<Row & { customerId: string }>(
    "select customer_id from billing.top_up_consents where account_id = $1 and status <> 'off'",
    [accountId],
  );
  const customerId = rows[0]?.customerId;
  if (customerId === undefined) {
    throw new FlorinError('not_found', 'Auto top-up is off. Turn it on first.');
  }
  return customerId;
}

function offered(price: CatalogPrice): CatalogPrice {
  if (price.topUp !== true) {
    throw new FlorinError('price_unknown', `${price.id} is not offered for auto top-up.`, {
      details: { priceId: price.id },
    });
  }
  return price;
}

/** One purchase has to lift the balance over its threshold, or each would call for the next. */
function refuseEndless(
  { checkout, credit }: Catalog,
  one: { credits: number; threshold: number; quantity: number },
): void {
  if (one.quantity > checkout.maxQuantity) {
    throw new FlorinError('invalid_input', `quantity: at most ${checkout.maxQuantity}.`);
  }
  if (one.threshold > one.credits) {
    throw new FlorinError(
      'invalid_input',
      `threshold: at most ${credit.text(one.credits)}, which is what one top-up brings.`,
    );
  }
}
