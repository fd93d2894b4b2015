import { behaviourOf, needPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import type { PaymentIntent, PaymentMethod } from '../shapes.ts';
import type { IntentPlan } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import type { Behaviour } from './behaviours.ts';
import { addCharge, captureCharge, declineError, needCharge, settleCharge } from './charges.ts';
import { followCharge } from './follow-charge.ts';
import { keepMethod } from './keep-method.ts';
import { announceOutcome } from './outcome.ts';

export type NewIntent = {
  amount: number;
  currency: string;
  customer?: string | null;
  description?: string | null;
  metadata?: Record<string, string>;
  captureMethod?: string;
  setupFutureUsage?: string | null;
  methodTypes?: string[];
  receiptEmail?: string | null;
  shipping?: PaymentIntent['shipping'];
  /** What the buyer is shown, where it is another currency. */
  presentment?: PaymentIntent['presentment_details'];
  plan?: Partial<IntentPlan>;
};

export function addIntent(world: World, input: NewIntent): PaymentIntent {
  const id = newId('pi');
  world.store.put('intent_plan', {
    invoice: null,
    session: null,
    settlesAt: null,
    settlesAs: 'succeeded',
    returnUrl: null,
    ...input.plan,
    id,
  });
  const intent = world.store.put('payment_intent', {
    id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: input.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: input.captureMethod ?? 'automatic_async',
    client_secret: `${id}_secret_${newId('s').slice(2)}`,
    confirmation_method: 'automatic',
    created: world.now(),
    currency: input.currency,
    customer: input.customer ?? null,
    customer_account: null,
    description: input.description ?? null,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: input.metadata ?? {},
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: input.methodTypes ?? ['card'],
    payment_record: null,
    ...(input.presentment === undefined ? {} : { presentment_details: input.presentment }),
    processing: null,
    receipt_email: input.receiptEmail ?? null,
    review: null,
    setup_future_usage: input.setupFutureUsage ?? null,
    shipping: input.shipping ?? null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  });
  emit(world, 'payment_intent.created', intent);
  return intent;
}

export type Confirmation = {
  method: string;
  /** The buyer is not there to authenticate: renewals. */
  offSession?: boolean;
  /** The buyer has just authenticated. */
  authenticated?: boolean;
  returnUrl?: string | undefined;
};

/** Tries to pay. A decline is an outcome, not an exception: the intent says what became of it. */
export function confirmIntent(
  world: World,
  before: PaymentIntent,
  { method: methodId, offSession, authenticated, returnUrl }: Confirmation,
): PaymentIntent {
  const method = needPaymentMethod(world, methodId);
  const behaviour = behaviourOf(world, method.id);
  const intent = { ...before, payment_method: method.id, last_payment_error: null };
  if (asksBuyer(behaviour, offSession ?? false) && authenticated !== true) {
    return offSession
      ? decline(world, { intent, method, behaviour, code: 'authentication_required' })
      : askBuyer(world, intent, returnUrl);
  }
  if (behaviour.declines !== undefined) {
    return decline(world, { intent, method, behaviour, code: behaviour.declines });
  }
  if (behaviour.delayed !== undefined) {
    return wait(world, { intent, method, behaviour });
  }
  return intent.capture_method === 'manual'
    ? authorize(world, { intent, method, behaviour })
    : pay(world, { intent, method, behaviour });
}

function asksBuyer(behaviour: Behaviour, offSession: boolean): boolean {
  return (
    behaviour.authentication === 'always' || (behaviour.authentication === 'setup' && !offSession)
  );
}

type Attempt = { intent: PaymentIntent; method: PaymentMethod; behaviour: Behaviour };

function askBuyer(world: World, intent: PaymentIntent, returnUrl?: string): PaymentIntent {
  const plan = planOf(world, intent.id);
  world.store.put('intent_plan', { ...plan, returnUrl: returnUrl ?? plan.returnUrl });
  const asked = world.store.put('payment_intent', {
    ...intent,
    status: 'requires_action',
    next_action: {
      type: 'redirect_to_url',
      redirect_to_url: {
        return_url: returnUrl ?? plan.returnUrl,
        url: `${world.baseUrl()}/authenticate/${intent.id}`,
      },
    },
  });
  emit(world, 'payment_intent.requires_action', asked);
  return asked;
}

function decline(world: World, attempt: Attempt & { code: string }): PaymentIntent {
  const { intent, method, behaviour, code } = attempt;
  const charge = addCharge(world, intent, { method, behaviour, outcome: 'failed' });
  const failed = world.store.put('payment_intent', {
    ...intent,
    status: 'requires_payment_method',
    latest_charge: charge.id,
    next_action: null,
    payment_method: null,
    last_payment_error: {
      ...declineError(code),
      charge: charge.id,
      payment_method: method,
      doc_url: 'https://stripe.com/docs/error-codes/card-declined',
    },
  });
  emit(world, 'payment_intent.payment_failed', failed);
  announceOutcome(world, 'failed', failed);
  return failed;
}

function wait(world: World, attempt: Attempt): PaymentIntent {
  const { intent, behaviour } = attempt;
  const delayed = behaviour.delayed ?? { as: 'succeeded' as const };
  const charge = addCharge(world, intent, { ...attempt, outcome: 'pending' });
  world.store.put('intent_plan', {
    ...planOf(world, intent.id),
    settlesAt: world.now() + (delayed.seconds ?? world.settings.debitSeconds),
    settlesAs: delayed.as,
  });
  const waiting = world.store.put('payment_intent', {
    ...intent,
    status: 'processing',
    latest_charge: charge.id,
    next_action: null,
    processing: null,
  });
  emit(world, 'payment_intent.processing', waiting);
  announceOutcome(world, 'pending', waiting);
  return waiting;
}

function authorize(world: World, attempt: Attempt): PaymentIntent {
  const charge = addCharge(world, attempt.intent, { ...attempt, outcome: 'uncaptured' });
  const held = world.store.put('payment_intent', {
    ...attempt.intent,
    status: 'requires_capture',
    amount_capturable: attempt.intent.amount,
    latest_charge: charge.id,
    next_action: null,
  });
  emit(world, 'payment_intent.amount_capturable_updated', held);
  return held;
}

function pay(world: World, attempt: Attempt): PaymentIntent {
  const { behaviour } = attempt;
  const charge = addCharge(world, attempt.intent, { ...attempt, outcome: 'succeeded' });
  const paid = succeed(world, { ...attempt.intent, latest_charge: charge.id });
  followCharge(world, charge, behaviour);
  return paid;
}

function succeed(world: World, intent: PaymentIntent, amount = intent.amount): PaymentIntent {
  const paid = world.store.put('payment_intent', {
    ...intent,
    status: 'succeeded',
    amount_received: amount,
    amount_capturable: 0,
    next_action: null,
  });
  keepMethod(world, paid);
  emit(world, 'payment_intent.succeeded', paid);
  announceOutcome(world, 'paid', paid);
  return paid;
}

/** A bank debit arrives or bounces: by its time, or because someone says so. */
export function settleIntent(
  world: World,
  intent: PaymentIntent,
  as: 'succeeded' | 'failed',
): PaymentIntent {
  world.store.put('intent_plan', { ...planOf(world, intent.id), settlesAt: null });
  const charge = settleCharge(world, needCharge(world, intent.latest_charge ?? ''), as);
  if (as === 'succeeded') {
    return succeed(world, intent);
  }
  const failed = world.store.put('payment_intent', {
    ...intent,
    status: 'requires_payment_method',
    payment_method: null,
    last_payment_error: {
      type: 'invalid_request_error',
      code: 'payment_intent_payment_attempt_failed',
      message: charge.failure_message,
      charge: charge.id,
    },
  });
  emit(world, 'payment_intent.payment_failed', failed);
  announceOutcome(world, 'failed', failed);
  return failed;
}

export function captureIntent(world: World, intent: PaymentIntent, amount: number): PaymentIntent {
  captureCharge(world, needCharge(world, intent.latest_charge ?? ''), amount);
  return succeed(world, intent, amount);
}

export function cancelIntent(
  world: World,
  before: PaymentIntent,
  reason: string | null,
): PaymentIntent {
  const intent = world.store.put('payment_intent', {
    ...before,
    status: 'canceled',
    canceled_at: world.now(),
    cancellation_reason: reason,
    amount_capturable: 0,
    next_action: null,
  });
  emit(world, 'payment_intent.canceled', intent);
  return intent;
}

export function planOf(world: World, intent: string): IntentPlan {
  return (
    world.store.get('intent_plan', intent) ?? {
      id: intent,
      invoice: null,
      session: null,
      settlesAt: null,
      settlesAs: 'succeeded',
      returnUrl: null,
    }
  );
}
