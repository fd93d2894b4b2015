import { invalid } from '../api/errors.ts';
import type { LoggedRequest } from '../api/request-log.ts';
import type { ApiSwitches } from '../app.ts';
import { endSubscription } from '../billing/end-subscription.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { findPromotionCode } from '../catalog/coupons.ts';
import type { Submission, Submitted } from '../checkout/attempts.ts';
import { redeemOnSession, setAmount } from '../checkout/change-session.ts';
import { needSession, needsMethod } from '../checkout/sessions.ts';
import { submitSession } from '../checkout/submit.ts';
import { type Advance, advanceAll } from '../clock/advance.ts';
import { changeCustomer, needCustomer } from '../customers/customers.ts';
import { attachPaymentMethod } from '../customers/payment-methods.ts';
import type { Deliverer } from '../events/deliver.ts';
import { schedule } from '../events/emit.ts';
import { addEndpoint, type NewEndpoint } from '../events/event-routes.ts';
import { type Faults, NO_FAULTS } from '../events/faults.ts';
import {
  closeDispute,
  type DisputeOutcome,
  disputeCharge,
  escalateDispute,
  type NewDispute,
  needDispute,
} from '../payments/disputes.ts';
import { warnOfFraud } from '../payments/fraud-warnings.ts';
import { needIntent } from '../payments/intent-routes.ts';
import { confirmIntent, settleIntent } from '../payments/intents.ts';
import { finishRefund, type NewRefund, needRefund, refundCharge } from '../payments/refunds.ts';
import type {
  CheckoutSession,
  Dispute,
  EarlyFraudWarning,
  Invoice,
  PaymentIntent,
  Refund,
  StripeEvent,
  Subscription,
  WebhookEndpoint,
} from '../shapes.ts';
import type { Delivery } from '../store/records.ts';
import { inTimeOf, type World } from '../world.ts';
import { type HandMadeInvoice, makeInvoice } from './hand-made-invoice.ts';

export type HowPaid = {
  card?: string;
  email?: string;
  promotionCode?: string;
  /** What the buyer chooses to pay, in the smallest unit, where the price leaves it to them. */
  amount?: number;
  /** Adaptive Pricing shows the buyer this, in minor units; for one-time payments. */
  presentment?: { amount: number; currency: string };
};

/** What a person at Stripe's dashboard, a buyer, a bank or bad luck would do. All take effect at once. */
export type SandboxControl = {
  /** The buyer fills in the hosted page and presses Pay. `card`: a test token's name, default `visa`. */
  pay(sessionId: string, how?: HowPaid): Submitted;
  /** The buyer passes (or fails) 3-D Secure. */
  authenticate(intentId: string, passed?: boolean): PaymentIntent;
  /** A bank debit arrives or bounces now. */
  settle(intentId: string, as?: 'succeeded' | 'failed'): PaymentIntent;
  refund(refund: NewRefund): Refund;
  /** A pending (or seemingly finished) refund ends. */
  finishRefund(refundId: string, as: 'succeeded' | 'failed' | 'canceled'): Refund;
  dispute(chargeId: string, dispute?: NewDispute): Dispute;
  /** An inquiry becomes a dispute: the money leaves. */
  escalateDispute(disputeId: string): Dispute;
  closeDispute(disputeId: string, outcome: DisputeOutcome): Dispute;
  warnOfFraud(chargeId: string): EarlyFraudWarning;
  cancelSubscription(subscriptionId: string): Subscription;
  /** Every renewal of this customer is declined (or pays again). */
  setCard(customerId: string, card: string): void;
  /** An invoice that no subscription cycle made: by hand, from a quote, or at a usage threshold. */
  invoice(invoice: HandMadeInvoice): Invoice;
  /** Moves the sandbox's time: renewals, trials, retries, expiries and debits happen on the way. */
  advance(by: Advance): { now: number };
  now(): number;
  /** Changes what goes wrong with deliveries; `{}` changes nothing. */
  faults(changes: Partial<Faults>): Faults;
  resetFaults(): void;
  /** The next `n` requests are answered 429, or 500. */
  rateLimitNext(n: number): void;
  failNext(n: number): void;
  /** The next `n` writing requests take effect, and their answers are lost on the way. */
  loseAnswers(n: number): void;
  addEndpoint(endpoint: NewEndpoint): WebhookEndpoint;
  /** Sends an event again, to every endpoint. */
  resend(eventId: string): void;
  events(type?: string): StripeEvent[];
  deliveries(): Delivery[];
  /** The last thousand requests to the API with their answers, oldest first. */
  requests(): readonly LoggedRequest[];
  /** Repeats that wait are due now. */
  retryNow(): void;
  /** Resolves when every delivery that is due has been answered or has failed. */
  settled(): Promise<void>;
};

export function createControl(
  world: World,
  parts: { deliverer: Deliverer; switches: ApiSwitches },
): SandboxControl {
  const { deliverer, switches } = parts;
  const commit = <T>(work: () => T): T => world.store.commit(work);
  return {
    ...paymentControl(world, commit),
    cancelSubscription: (id) =>
      commit(() => {
        const subscription = needSubscription(world, id);
        return inTimeOf(world, subscription.customer, () =>
          endSubscription(world, subscription, 'cancellation_requested'),
        );
      }),
    setCard: (customerId, card) => commit(() => setCard(world, customerId, card)),
    invoice: (invoice) => commit(() => makeInvoice(world, invoice)),
    advance: (by) => {
      const moved = advanceAll(world, by);
      commit(() => undefined);
      return moved;
    },
    now: () => world.now(),
    faults: (changes) => Object.assign(world.faults, changes),
    resetFaults: () => void Object.assign(world.faults, NO_FAULTS),
    rateLimitNext: (n) => {
      switches.rateLimitNext = n;
    },
    loseAnswers: (n) => {
      switches.loseAnswers = n;
    },
    failNext: (n) => {
      switches.failNext = n;
    },
    addEndpoint: (endpoint) => commit(() => addEndpoint(world, endpoint)),
    resend: (eventId) =>
      commit(() => {
        for (const endpoint of world.store.all('webhook_endpoint')) {
          schedule(world, eventId, endpoint.id);
        }
      }),
    events: (type) =>
      world.store.all('event').filter((event) => type === undefined || event.type === type),
    deliveries: () => world.store.all('delivery'),
    requests: () => world.requests.all(),
    retryNow: () => deliverer.retryNow(),
    settled: () => deliverer.settled(),
  };
}

type Commit = <T>(work: () => T) => T;

function paymentControl(world: World, commit: Commit) {
  return {
    pay: (id: string, how: HowPaid = {}) => commit(() => payAsBuyer(world, id, how)),
    authenticate: (id: string, passed = true) =>
      commit(() => {
        const intent = needIntent(world, id);
        const method = passed
          ? (intent.payment_method ?? 'pm_card_visa')
          : 'pm_card_chargeDeclined';
        return inTimeOf(world, intent.customer, () =>
          confirmIntent(world, intent, { method, authenticated: true }),
        );
      }),
    settle: (id: string, as: 'succeeded' | 'failed' = 'succeeded') =>
      commit(() => {
        const intent = needIntent(world, id);
        if (intent.status !== 'processing') {
          throw invalid(`The payment ${id} is ${intent.status}, not processing.`);
        }
        return inTimeOf(world, intent.customer, () => settleIntent(world, intent, as));
      }),
    refund: (refund: NewRefund) => commit(() => refundCharge(world, refund)),
    finishRefund: (id: string, as: 'succeeded' | 'failed' | 'canceled') =>
      commit(() => finishRefund(world, needRefund(world, id), { as })),
    dispute: (charge: string, dispute: NewDispute = {}) =>
      commit(() => disputeCharge(world, charge, dispute)),
    escalateDispute: (id: string) => commit(() => escalateDispute(world, needDispute(world, id))),
    closeDispute: (id: string, outcome: DisputeOutcome) =>
      commit(() => closeDispute(world, needDispute(world, id), outcome)),
    warnOfFraud: (charge: string) => commit(() => warnOfFraud(world, charge)),
  };
}

function payAsBuyer(world: World, id: string, how: HowPaid): Submitted {
  const session: CheckoutSession = needSession(world, id);
  if (how.amount !== undefined) {
    setAmount(world, session, how.amount);
  }
  if (how.promotionCode !== undefined) {
    const code = findPromotionCode(world, how.promotionCode);
    if (code === undefined || code.promotion.coupon === null) {
      throw invalid(`No such promotion code: ${how.promotionCode}`, { param: 'promotion_code' });
    }
    redeemOnSession(world, needSession(world, id), {
      coupon: code.promotion.coupon,
      promotionCode: code.id,
    });
  }
  const free = !needsMethod(needSession(world, id));
  const submission: Submission = {
    ...(free ? {} : { method: `pm_card_${how.card ?? 'visa'}` }),
    ...(how.email === undefined ? {} : { email: how.email }),
    ...(how.presentment === undefined
      ? {}
      : {
          presentment: {
            presentment_amount: how.presentment.amount,
            presentment_currency: how.presentment.currency,
          },
        }),
  };
  return submitSession(world, id, submission);
}

function setCard(world: World, customerId: string, card: string): void {
  const method = attachPaymentMethod(world, `pm_card_${card}`, customerId);
  const customer = needCustomer(world, customerId);
  changeCustomer(world, customer, {
    invoice_settings: { ...customer.invoice_settings, default_payment_method: method.id },
  });
  for (const subscription of world.store.where('subscription', 'customer', customerId)) {
    if (subscription.ended_at === null) {
      world.store.put('subscription', { ...subscription, default_payment_method: method.id });
    }
  }
}
