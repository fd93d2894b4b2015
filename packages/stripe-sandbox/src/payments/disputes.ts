import { invalid, noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Dispute } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { addBalanceTransaction } from './balance.ts';
import { needCharge } from './charges.ts';
import { settleFraudWarnings } from './fraud-warnings.ts';

const RESPONSE_SECONDS = 9 * 86_400;
const DISPUTE_FEE = 1500;

export type NewDispute = {
  reason?: string | undefined;
  /** Default: the whole charge. */
  amount?: number | undefined;
  /** An inquiry (`warning_*`) moves no money. */
  inquiry?: boolean | undefined;
};

/** The buyer's bank takes the money back (or only asks). */
export function disputeCharge(world: World, chargeId: string, input: NewDispute = {}): Dispute {
  const charge = needCharge(world, chargeId);
  const amount = input.amount ?? charge.amount;
  if (amount < 1 || amount > charge.amount) {
    throw invalid('A dispute is about at most the amount of its charge.', { param: 'amount' });
  }
  const disputed = world.store.put('charge', { ...charge, disputed: true });
  const created = world.store.put('dispute', {
    id: newId('du'),
    object: 'dispute',
    amount,
    balance_transactions: [],
    charge: charge.id,
    created: world.now(),
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: emptyEvidence(),
    evidence_details: {
      due_by: world.now() + RESPONSE_SECONDS,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'manual',
    },
    intended_submission_method: null,
    is_charge_refundable: input.inquiry ?? false,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method_details: {
      card: {
        brand: 'visa',
        case_type: input.inquiry ? 'inquiry' : 'chargeback',
        network: 'visa',
        network_reason_code: '10',
      },
      type: 'card',
    },
    reason: input.reason ?? 'fraudulent',
    status: input.inquiry ? 'warning_needs_response' : 'needs_response',
  });
  emit(world, 'charge.updated', disputed, charge);
  const dispute = input.inquiry ? created : withdraw(world, created, 'charge.dispute.created');
  if (input.inquiry) {
    emit(world, 'charge.dispute.created', created);
  } else {
    settleFraudWarnings(world, charge.id);
  }
  return dispute;
}

/** The money leaves: in the dispute that is announced, and by an event of its own. */
function withdraw(world: World, before: Dispute, first: string): Dispute {
  const move = addBalanceTransaction(world, {
    amount: -before.amount,
    currency: before.currency,
    source: before.id,
    type: 'adjustment',
    fee: DISPUTE_FEE,
  });
  const dispute = world.store.put('dispute', {
    ...before,
    status: 'needs_response',
    is_charge_refundable: false,
    balance_transactions: [...before.balance_transactions, move],
  });
  emit(world, first, dispute, first === 'charge.dispute.created' ? undefined : before);
  emit(world, 'charge.dispute.funds_withdrawn', dispute, before);
  return dispute;
}

/** The bank asked first and now takes the money: an inquiry becomes a dispute. */
export function escalateDispute(world: World, dispute: Dispute): Dispute {
  if (!dispute.status.startsWith('warning_')) {
    throw invalid('Only an inquiry can become a dispute.');
  }
  return withdraw(world, dispute, 'charge.dispute.updated');
}

export type DisputeOutcome = 'won' | 'lost' | 'warning_closed' | 'prevented';

/** The dispute ends. Won after money had left: it comes back. */
export function closeDispute(world: World, before: Dispute, outcome: DisputeOutcome): Dispute {
  if (isClosed(before)) {
    throw invalid(`This dispute is already closed, with the status ${before.status}.`);
  }
  const withdrawn = -before.balance_transactions.reduce((sum, one) => sum + one.amount, 0);
  const returns = (outcome === 'won' || outcome === 'prevented') && withdrawn > 0;
  const moves = returns
    ? [
        ...before.balance_transactions,
        addBalanceTransaction(world, {
          amount: withdrawn,
          currency: before.currency,
          source: before.id,
          type: 'adjustment',
        }),
      ]
    : before.balance_transactions;
  const dispute = world.store.put('dispute', {
    ...before,
    status: outcome,
    balance_transactions: moves,
  });
  if (returns) {
    emit(world, 'charge.dispute.funds_reinstated', dispute, before);
  }
  emit(world, 'charge.dispute.closed', dispute, before);
  return dispute;
}

function isClosed(dispute: Dispute): boolean {
  return ['won', 'lost', 'warning_closed', 'prevented'].includes(dispute.status);
}

/** Stripe's own test evidence decides: `winning_evidence` or `losing_evidence`. */
function updateDispute(world: World, before: Dispute, params: Params): Dispute {
  const evidence = params.object('evidence');
  const text = evidence?.text('uncategorized_text');
  const submits = evidence !== undefined && (params.flag('submit') ?? true);
  const inquiry = before.status.startsWith('warning_');
  const dispute = world.store.put('dispute', {
    ...before,
    metadata: params.metadata(before.metadata),
    evidence: { ...before.evidence, ...(text === undefined ? {} : { uncategorized_text: text }) },
    ...(submits
      ? {
          status: inquiry ? 'warning_under_review' : 'under_review',
          evidence_details: {
            ...before.evidence_details,
            has_evidence: true,
            submission_count: before.evidence_details.submission_count + 1,
          },
        }
      : {}),
  });
  emit(world, 'charge.dispute.updated', dispute, before);
  if (text === 'winning_evidence') {
    return closeDispute(world, dispute, inquiry ? 'warning_closed' : 'won');
  }
  return text === 'losing_evidence' ? closeDispute(world, dispute, 'lost') : dispute;
}

export function needDispute(world: World, id: string): Dispute {
  const dispute = world.store.get('dispute', id);
  if (dispute === undefined) {
    throw noSuch('dispute', id);
  }
  return dispute;
}

function emptyEvidence(): Record<string, unknown> {
  const fields =
    'access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number uncategorized_file uncategorized_text';
  return {
    ...Object.fromEntries(fields.split(' ').map((field) => [field, null])),
    enhanced_evidence: {},
  };
}

export const disputeRoutes: readonly Route[] = [
  [
    'get',
    '/v1/disputes',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('dispute')
        .filter((one) => created(one.created))
        .reverse();
      return page(filtered(all, params, ['charge', 'payment_intent']), params, '/v1/disputes');
    },
  ],
  ['get', '/v1/disputes/:id', ({ world, path }) => needDispute(world, path('id'))],
  [
    'post',
    '/v1/disputes/:id',
    ({ world, path, params }) => updateDispute(world, needDispute(world, path('id')), params),
  ],
  [
    'post',
    '/v1/disputes/:id/close',
    ({ world, path }) => {
      const dispute = needDispute(world, path('id'));
      const inquiry = dispute.status.startsWith('warning_');
      return closeDispute(world, dispute, inquiry ? 'warning_closed' : 'lost');
    },
  ],
];
