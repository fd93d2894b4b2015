import { invalid, noSuch } from '../api/errors.ts';
import { shownAmount } from '../api/money.ts';
import { behaviourOf } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import type { Charge, Refund } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { addBalanceTransaction } from './balance.ts';
import { needCharge } from './charges.ts';
import { settleFraudWarnings } from './fraud-warnings.ts';

/** Seconds until a pending refund succeeds, or one on a failing card fails. */
const REFUND_SETTLES_SECONDS = 5 * 86_400;

const COUNTED = ['succeeded', 'pending', 'requires_action'];

export type NewRefund = {
  charge: string;
  /** Absent: all that is left. */
  amount?: number | undefined;
  reason?: string | null | undefined;
  metadata?: Record<string, string>;
  /** What it starts as; absent: as the card of the charge behaves. */
  status?: 'succeeded' | 'pending' | 'requires_action' | undefined;
};

/** Gives money back, in part or whole. Raises 400 when the charge has not that much left. */
export function refundCharge(world: World, input: NewRefund): Refund {
  const charge = needCharge(world, input.charge, 'charge');
  const left = charge.amount_captured - charge.amount_refunded;
  const amount = input.amount ?? left;
  assertRefundable(charge, { amount, left, given: input.amount });
  const behaviour = behaviourOf(world, charge.payment_method ?? '');
  const status = input.status ?? (behaviour.refunds === 'pending' ? 'pending' : 'succeeded');
  const refund = world.store.put('refund', buildRefund(world, { charge, amount, status, input }));
  world.store.put('refund_plan', {
    id: refund.id,
    becomes: behaviour.refunds === 'fails' ? 'failed' : 'succeeded',
    dueAt:
      behaviour.refunds === 'fails' || status === 'pending'
        ? world.now() + REFUND_SETTLES_SECONDS
        : null,
  });
  const after = recount(world, charge);
  emit(world, 'refund.created', refund);
  emit(world, 'charge.refunded', after, charge);
  if (after.refunded) {
    settleFraudWarnings(world, charge.id);
  }
  if (status === 'succeeded') {
    return traceRefund(world, refund);
  }
  return refund;
}

/** Soon after, the card network's reference is known: Stripe tells the refund again. */
function traceRefund(world: World, before: Refund): Refund {
  const refund = world.store.put('refund', {
    ...before,
    destination_details: {
      card: {
        type: 'refund',
        reference: newId('ref', 12).slice(4),
        reference_status: 'available',
        reference_type: 'acquirer_reference_number',
      },
      type: 'card',
    },
  });
  emit(world, 'refund.updated', refund, before);
  emit(world, 'charge.refund.updated', refund, before);
  return refund;
}

function assertRefundable(
  charge: Charge,
  asked: { amount: number; left: number; given: number | undefined },
): void {
  if (charge.status !== 'succeeded' || !charge.captured) {
    throw invalid(`Charge ${charge.id} has not succeeded and cannot be refunded.`, {
      param: 'charge',
    });
  }
  if (asked.left <= 0) {
    throw invalid(`Charge ${charge.id} has already been refunded.`, {
      code: 'charge_already_refunded',
    });
  }
  if (asked.given !== undefined && asked.given < 1) {
    throw invalid('Invalid positive integer', {
      param: 'amount',
      code: 'parameter_invalid_integer',
    });
  }
  if (asked.amount > asked.left) {
    throw invalid(
      `Refund amount (${shownAmount(asked.amount, charge.currency)}) is greater than unrefunded amount on charge (${shownAmount(asked.left, charge.currency)})`,
      { param: 'amount' },
    );
  }
}

function buildRefund(
  world: World,
  made: { charge: Charge; amount: number; status: string; input: NewRefund },
): Refund {
  const { charge, amount, status, input } = made;
  const id = newId('re');
  return {
    id,
    object: 'refund',
    amount,
    balance_transaction: moveOut(world, { id, charge, amount }),
    charge: charge.id,
    created: world.now(),
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    destination_details: {
      card: {
        type: 'refund',
        reference_status: 'pending',
        reference_type: 'acquirer_reference_number',
      },
      type: 'card',
    },
    metadata: input.metadata ?? {},
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    ...presented(charge, amount),
    ...(status === 'pending' ? { pending_reason: 'processing' } : {}),
    reason: input.reason ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    status,
    transfer_reversal: null,
  };
}

/** The same share of what the buyer was shown: they get back what they paid. */
function presented(charge: Charge, amount: number): Pick<Refund, 'presentment_details'> {
  const shown = charge.presentment_details;
  return shown === undefined
    ? {}
    : {
        presentment_details: {
          ...shown,
          presentment_amount: Math.round((shown.presentment_amount * amount) / charge.amount),
        },
      };
}

function moveOut(world: World, move: { id: string; charge: Charge; amount: number }): string {
  return addBalanceTransaction(world, {
    amount: -move.amount,
    currency: move.charge.currency,
    source: move.id,
    type: 'refund',
  }).id;
}

/** `amount_refunded` is the sum of the refunds that have not failed: it can fall again. */
function recount(world: World, charge: Charge): Charge {
  const refunded = world.store
    .where('refund', 'charge', charge.id)
    .filter((one) => COUNTED.includes(one.status ?? ''))
    .reduce((sum, one) => sum + one.amount, 0);
  return world.store.put('charge', {
    ...charge,
    amount_refunded: refunded,
    refunded: refunded === charge.amount_captured,
  });
}

/** A refund that was pending, or that seemed to succeed, ends. The money of a failed one is back. */
export function finishRefund(
  world: World,
  before: Refund,
  end: { as: 'succeeded' | 'failed' | 'canceled'; reason?: string },
): Refund {
  const plan = world.store.get('refund_plan', before.id);
  if (plan !== undefined) {
    world.store.put('refund_plan', { ...plan, dueAt: null });
  }
  if (before.status === end.as || before.status === 'failed' || before.status === 'canceled') {
    return before;
  }
  const charge = needCharge(world, before.charge ?? '');
  const { pending_reason: _, ...rest } = before;
  const refund = world.store.put('refund', {
    ...rest,
    status: end.as,
    ...(end.as === 'succeeded'
      ? {}
      : {
          failure_balance_transaction: addBalanceTransaction(world, {
            amount: before.amount,
            currency: before.currency,
            source: before.id,
            type: 'refund_failure',
          }).id,
        }),
    ...(end.as === 'failed' ? { failure_reason: end.reason ?? 'lost_or_stolen_card' } : {}),
  });
  const after = recount(world, charge);
  emit(world, 'refund.updated', refund, before);
  emit(world, 'charge.refund.updated', refund, before);
  if (end.as === 'failed') {
    emit(world, 'refund.failed', refund, before);
  }
  if (after.amount_refunded !== charge.amount_refunded) {
    emit(world, 'charge.updated', after, charge);
  }
  return refund;
}

export function needRefund(world: World, id: string, param?: string): Refund {
  const refund = world.store.get('refund', id);
  if (refund === undefined) {
    throw noSuch('refund', id, param);
  }
  return refund;
}
