import { duesOfSent } from '../billing/overdue.ts';
import { advanceDraft, collect } from '../billing/renew.ts';
import { expireSession } from '../checkout/sessions.ts';
import { settleIntent } from '../payments/intents.ts';
import { finishRefund } from '../payments/refunds.ts';
import { dueOfSchedule } from '../schedules/due-schedules.ts';
import type { Kind } from '../store/records.ts';
import type { World } from '../world.ts';
import { createAgenda } from './agenda.ts';
import { dueOfSubscription } from './due-subscription.ts';
import type { Due } from './happening.ts';

/** Which things a clock moves: a test clock's customers', or everyone's without one. */
export type Scope = { testClock: string | null };

const MAX_STEPS = 1_000_000;

type DueOf = (world: World, id: string) => { customer: string | null; dues: Iterable<Due> } | null;

/**
 * What has things to do, in the order in which they are done where their time is the same: schedules
 * before subscriptions, since where a phase begins as a period ends the new period is of the new phase.
 */
const WITH_DUES: readonly (readonly [kind: Kind, dueOf: DueOf])[] = [
  ['checkout_session', dueOfSession],
  ['subscription_schedule', dueOfSchedule],
  ['subscription', dueOfSubscription],
  ['invoice', dueOfInvoice],
  ['payment_intent', dueOfIntent],
  ['refund_plan', dueOfRefund],
];

/** Whose dues depend on this record. */
const BESIDE: Readonly<Partial<Record<Kind, Kind>>> = {
  subscription_state: 'subscription',
  invoice_plan: 'invoice',
  intent_plan: 'payment_intent',
  refund: 'refund_plan',
};

/** Lets everything happen that is due until `until`, in its order, each at its own time. */
export function runDue(world: World, until: number, scope: Scope): number {
  const agenda = createAgenda();
  const order = new Map(WITH_DUES.map(([kind, dueOf], rank) => [kind, { dueOf, rank }]));
  const note = (kind: Kind, id: string) => {
    const known = order.get(kind);
    if (known === undefined) {
      return;
    }
    const found = known.dueOf(world, id);
    const mine = found !== null && clockOf(world, found.customer) === scope.testClock;
    const dues = mine ? [...found.dues].filter(({ at }) => at <= until) : [];
    agenda.set(`${kind} ${id}`, known.rank, dues);
  };
  for (const [kind] of WITH_DUES) {
    for (const { id } of candidates(world, kind)) {
      note(kind, id);
    }
  }
  const watch = world.store.watch();
  try {
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      const next = agenda.next();
      if (next === undefined) {
        return steps;
      }
      world.store.commit(() => world.at(next.at, next.happen));
      for (const { kind, id } of watch.take()) {
        note(BESIDE[kind] ?? kind, id);
      }
      note(next.kind, next.id);
    }
  } finally {
    watch.stop();
  }
  throw new Error(`The sandbox's clock had more than ${MAX_STEPS} things to do at once.`);
}

function clockOf(world: World, customer: string | null): string | null {
  return (customer === null ? null : world.store.get('customer', customer)?.test_clock) ?? null;
}

/** Those that may have something to do; what is over is not looked at. */
function candidates(world: World, kind: Kind): { id: string }[] {
  switch (kind) {
    case 'checkout_session':
      return world.store.where('checkout_session', 'status', 'open');
    case 'subscription_schedule':
      return [
        ...world.store.where('subscription_schedule', 'status', 'not_started'),
        ...world.store.where('subscription_schedule', 'status', 'active'),
      ];
    case 'subscription':
      return world.store.where('subscription', 'ended_at', null);
    case 'invoice':
      return [
        ...world.store.where('invoice', 'status', 'draft'),
        ...world.store.where('invoice', 'status', 'open'),
      ];
    case 'payment_intent':
      return world.store.where('payment_intent', 'status', 'processing');
    default:
      return world.store.all('refund_plan').filter((plan) => plan.dueAt !== null);
  }
}

function dueOfSession(world: World, id: string): ReturnType<DueOf> {
  const session = world.store.get('checkout_session', id);
  if (session?.status !== 'open') {
    return null;
  }
  return {
    customer: session.customer,
    dues: [{ at: session.expires_at, happen: () => void expireSession(world, session) }],
  };
}

function dueOfInvoice(world: World, id: string): ReturnType<DueOf> {
  const invoice = world.store.get('invoice', id);
  if (invoice?.status === 'draft') {
    const at = world.store.get('invoice_plan', id)?.finalizesAt;
    const dues = at == null ? [] : [{ at, happen: () => advanceDraft(world, invoice) }];
    return { customer: invoice.customer, dues };
  }
  if (invoice?.status !== 'open') {
    return null;
  }
  if (invoice.next_payment_attempt === null) {
    return { customer: invoice.customer, dues: duesOfSent(world, invoice) };
  }
  const again = () => {
    const tried = world.store.put('invoice', { ...invoice, next_payment_attempt: null });
    collect(world, tried);
  };
  return {
    customer: invoice.customer,
    dues: [{ at: invoice.next_payment_attempt, happen: again }],
  };
}

function dueOfIntent(world: World, id: string): ReturnType<DueOf> {
  const intent = world.store.get('payment_intent', id);
  const plan = world.store.get('intent_plan', id);
  if (intent?.status !== 'processing' || plan?.settlesAt == null) {
    return null;
  }
  const { settlesAt: at, settlesAs } = plan;
  return {
    customer: intent.customer,
    dues: [{ at, happen: () => void settleIntent(world, intent, settlesAs) }],
  };
}

function dueOfRefund(world: World, id: string): ReturnType<DueOf> {
  const plan = world.store.get('refund_plan', id);
  const refund = world.store.get('refund', id);
  if (plan?.dueAt == null || refund === undefined) {
    return null;
  }
  const { dueAt: at, becomes } = plan;
  return {
    customer: refund.customer,
    dues: [{ at, happen: () => void finishRefund(world, refund, { as: becomes }) }],
  };
}
