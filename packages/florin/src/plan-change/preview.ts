import { FlorinError } from '../kernel/index.ts';
import { explainStripe } from '../stripe/index.ts';
import type { Shown } from './confirmation.ts';
import { type CreditsShown, creditsOf } from './credits.ts';
import type { Invoice, PlanChangeDeps, SubscriptionItem } from './deps.ts';
import { findSubscription } from './subscription.ts';
import { type PlanChangeRequest, planForSale, type Target, toTarget } from './target.ts';

export type PlanNamed = {
  readonly priceId: string;
  readonly planType: string;
  readonly quantity: number;
};

/** Money, in the smallest unit of `currency`, as Stripe computes it. */
export type Charge = {
  /** `now`: an invoice is made and paid at once. `next_invoice`: it is all on the invoice of `date`. */
  readonly when: 'now' | 'next_invoice';
  readonly date: Date;
  readonly currency: string;
  readonly lines: readonly {
    readonly description: string;
    readonly amountMinor: number;
    readonly periodStart: Date;
    readonly periodEnd: Date;
  }[];
  readonly discountMinor: number;
  readonly taxMinor: number;
  readonly totalMinor: number;
  /** Of the total, what the customer's balance at Stripe pays; negative: an old debt that is paid with it. */
  readonly fromBalanceMinor: number;
  readonly dueMinor: number;
  /** What Stripe keeps for the customer's next invoices, where the total is below zero. */
  readonly keptMinor: number;
};

export type PlanChangePreview = {
  /** Confirms exactly this change, until `expiresAt`. */
  readonly preview: string;
  readonly expiresAt: Date;
  readonly subscriptionId: string;
  readonly from: PlanNamed;
  readonly to: PlanNamed;
  /** From when on the plan is the new one. */
  readonly effectiveAt: Date;
  /** When the next full period is invoiced. */
  readonly renewsAt: Date;
  readonly charge: Charge;
  readonly credits: CreditsShown;
};

/**
 * What a change of plan costs (Stripe's preview) and does to credits (the decision on that invoice),
 * before anybody agrees to it. Writes nothing, at Stripe neither. Throws `price_unknown`,
 * `invalid_input`, `not_found`, `plan_not_changeable`, `stripe_unavailable`, `stripe_rejected`,
 * `rate_limited`.
 */
export async function previewPlanChange(
  deps: PlanChangeDeps,
  request: PlanChangeRequest,
): Promise<PlanChangePreview> {
  const price = planForSale(deps, request.priceId);
  const subscription = await findSubscription(deps, request);
  const target = await toTarget(deps, { subscription, price, quantity: request.quantity });
  const seen = await look(deps, { accountId: request.accountId, target, prorationDate: null });
  const { token, expiresAt } = await deps.confirmations.issue(seen.shown);
  return { preview: token, expiresAt, ...describe(deps, target, seen) };
}

/** One look at what a change would do. */
export type Look = {
  readonly invoice: Invoice | null;
  readonly credits: CreditsShown;
  readonly shown: Shown;
};

/** Asks Stripe and decides, at `prorationDate` where a moment was agreed to. */
export async function look(
  deps: PlanChangeDeps,
  asked: { accountId: string; target: Target; prorationDate: number | null },
): Promise<Look> {
  const { accountId, target } = asked;
  const { subscription, item, to, quantity } = target;
  const invoice = await askPreview(deps, asked);
  const credits = await creditsOf(deps, { invoice, accountId, subscriptionId: subscription.id });
  const prorated = invoice?.parent?.subscription_details?.subscription_proration_date;
  return {
    invoice,
    credits,
    shown: {
      account: accountId,
      subscription: subscription.id,
      fromPrice: item.price.id,
      fromQuantity: item.quantity ?? 1,
      price: to.id,
      quantity,
      prorationDate: asked.prorationDate ?? prorated ?? null,
      due: invoice?.amount_due ?? 0,
      total: invoice?.total ?? 0,
      currency: subscription.currency,
      added: credits.added,
      back: credits.back,
      laterAdded: credits.laterAdded,
      laterStopped: credits.laterStopped,
    },
  };
}

/** The same words for the preview and for the change itself. */
export function paramsOf(target: Target, prorationDate: number | null) {
  const { item, stripePriceId, quantity, proration } = target;
  return {
    items: [{ id: item.id, price: stripePriceId, quantity }],
    proration_behavior: proration,
    ...(prorationDate === null || proration === 'none' ? {} : { proration_date: prorationDate }),
  };
}

/** Null where no invoice would come of it. */
async function askPreview(
  { stripe }: PlanChangeDeps,
  { target, prorationDate }: { target: Target; prorationDate: number | null },
): Promise<Invoice | null> {
  try {
    return await stripe.invoices.createPreview({
      subscription: target.subscription.id,
      subscription_details: paramsOf(target, prorationDate),
    });
  } catch (error) {
    const mapped = explainStripe(error);
    if (mapped.details['stripeCode'] === 'invoice_upcoming_none') {
      return null;
    }
    throw mapped;
  }
}

function describe(
  { clock }: PlanChangeDeps,
  target: Target,
  { invoice, credits, shown }: Look,
): Omit<PlanChangePreview, 'preview' | 'expiresAt'> {
  const { subscription, item, from, to, quantity, billedNow } = target;
  const effectiveAt = shown.prorationDate === null ? clock.now() : at(shown.prorationDate);
  const periodEnd = at(item.current_period_end);
  return {
    subscriptionId: subscription.id,
    from: { priceId: from.id, planType: from.planType, quantity: item.quantity ?? 1 },
    to: { priceId: to.id, planType: to.planType, quantity },
    effectiveAt,
    renewsAt: billedNow && invoice !== null ? lastEnd(invoice, item) : periodEnd,
    charge: {
      when: billedNow ? 'now' : 'next_invoice',
      date: billedNow ? effectiveAt : periodEnd,
      ...moneyOf(invoice, subscription.currency),
    },
    credits,
  };
}

function moneyOf(invoice: Invoice | null, currency: string): Omit<Charge, 'when' | 'date'> {
  if (invoice !== null && invoice.currency !== currency) {
    throw new FlorinError('internal', `Stripe previews ${invoice.id} in ${invoice.currency}.`);
  }
  const { total = 0, amount_due: dueMinor = 0 } = invoice ?? {};
  const discounts = invoice?.total_discount_amounts ?? [];
  return {
    currency,
    lines: (invoice?.lines.data ?? []).map(({ description, amount, period }) => ({
      description: description ?? '',
      amountMinor: amount,
      periodStart: at(period.start),
      periodEnd: at(period.end),
    })),
    discountMinor: discounts.reduce((sum, { amount }) => sum + amount, 0),
    taxMinor: total - (invoice?.total_excluding_tax ?? total),
    totalMinor: total,
    fromBalanceMinor: Math.max(0, total) - dueMinor,
    dueMinor,
    keptMinor: Math.max(0, -total),
  };
}

/** The end of what is paid for: of the running period, or of the new one that begins with the change. */
function lastEnd({ lines }: Invoice, item: SubscriptionItem): Date {
  const ends = lines.data.filter(({ amount }) => amount >= 0).map(({ period }) => period.end);
  return at(Math.max(...ends, ends.length === 0 ? item.current_period_end : 0));
}

function at(seconds: number): Date {
  return new Date(seconds * 1000);
}
