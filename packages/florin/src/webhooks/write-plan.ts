import { isDeepStrictEqual } from 'node:util';
import type { Executor, Row, Statement } from '../db/index.ts';
import type {
  Command,
  CustomerLink,
  PaymentWrite,
  Plan,
  SubscriptionLink,
} from '../fulfillment/index.ts';
import { FlorinError, toStorableJson } from '../kernel/index.ts';
import type { EventStatus } from './inbox.ts';
import type { ReadSubscription, StoredPayment } from './read-state.ts';
import { type StoredState, toStored } from './stored-state.ts';

const APPLY_EVENT: Statement = {
  name: 'billing_apply_event',
  text: 'select billing.apply_event($1, $2) as outcome',
};
const APPLY_EVENTS: Statement = {
  name: 'billing_apply_events',
  text: 'select billing.apply_events($1) as outcomes',
};

const LOCK_NOT_AVAILABLE = '55P03';
/** NUL and half surrogate pairs, as JSON.stringify writes them. */
const UNSTORABLE_ESCAPE = /\\u(?:0000|d[89a-f])/;

export type PlanWrite = {
  /** The event that was decided on; null for a job. */
  readonly eventId: string | null;
  /** The event as JSON text, to be stored; null when the inbox has it, or for a job. */
  readonly event: string | null;
  /** The event's bytes, to be kept beside it; null where `event` holds all of them. */
  readonly body?: Uint8Array | null;
  readonly plan: Plan;
  readonly status: EventStatus;
  readonly retryInSeconds: number | null;
  /** Decided without reading: refused when the customer turns out to be linked to another account. */
  readonly unread: boolean;
  readonly aliases: readonly string[];
  readonly payments: readonly StoredPayment[];
  readonly relatives: readonly StoredPayment[];
  readonly subscription: ReadSubscription | null;
  readonly newPaymentId: string;
  readonly closedSessionId: string | null;
};

/** `duplicate`: the event was finished before. */
export type PlanOutcome = 'applied' | 'duplicate';

/**
 * Writes a plan in one statement and one commit. Throws `account_busy` when too much waits for the
 * account that it is about.
 */
export async function applyPlan(db: Executor, write: PlanWrite): Promise<PlanOutcome> {
  const rows = await db.query<Row & { outcome: PlanOutcome }>(
    APPLY_EVENT,
    [write.event, storableText(toSql(write))],
    // Only what moves credits waits for the account's row.
    { lane: write.plan.commands[0]?.accountId },
  );
  return rows[0]?.outcome ?? 'duplicate';
}

/**
 * Writes the plans of several deliveries in one statement and one commit, in the order of their
 * accounts. Null for one that fell out: it has to be written alone.
 */
export async function applyPlans(
  db: Executor,
  writes: readonly PlanWrite[],
): Promise<readonly (PlanOutcome | null)[]> {
  const deliveries = writes.map(
    (write) => `{"event":${write.event},"plan":${storableText(toSql(write))}}`,
  );
  const rows = await db.query<Row & { outcomes: (PlanOutcome | null)[] }>(APPLY_EVENTS, [
    `[${deliveries.join(',')}]`,
  ]);
  return rows[0]?.outcomes ?? [];
}

/** Only what this event is about is locked: the event itself can be stored. */
export function isLocked(error: unknown): boolean {
  return error instanceof FlorinError && error.details['sqlstate'] === LOCK_NOT_AVAILABLE;
}

/**
 * Applies commands to the ledger that no event brought, in one commit. Repeatable: each command's key
 * moves credits once.
 */
export async function applyCommands(db: Executor, commands: readonly Command[]): Promise<void> {
  const plan: Pick<PlanInput, 'status' | 'commands'> = { status: 'processed', commands };
  await db.query(APPLY_EVENT, [null, JSON.stringify(plan)], { lane: commands[0]?.accountId });
}

/** What billing.apply_event reads; it refuses a key that it does not know. What is empty is left out: all is parsed. */
type PlanInput = {
  readonly eventId: string | undefined;
  /** In base64. */
  readonly body: string | undefined;
  readonly status: EventStatus;
  readonly retryInSeconds: number | undefined;
  readonly unread: true | undefined;
  readonly reason: string | undefined;
  readonly errorCode: string | undefined;
  readonly error: string | undefined;
  readonly needsAttention: true | undefined;
  readonly accountId: string | undefined;
  readonly customerId: string | undefined;
  readonly customer: CustomerLink | undefined;
  readonly deletedCustomerId: string | undefined;
  readonly subscription: SubscriptionLink | undefined;
  readonly closedSessionId: string | undefined;
  readonly commands: readonly Command[] | undefined;
  readonly payment: PaymentInput | undefined;
  readonly relatives: readonly PaymentInput[] | undefined;
  /** Only where a payment is written that is of a subscription. */
  readonly subscriptionRead: ReadSubscription | undefined;
};

type PaymentInput = {
  readonly id: string;
  readonly state: StoredState;
  readonly status: PaymentWrite['status'];
  readonly accountId: string | undefined;
  readonly subscriptionId: string | undefined;
  readonly nextDueAt: number | undefined;
  /** The version that was read; none for a new payment. */
  readonly version: number | undefined;
  /** Payments that turned out to be the same one. */
  readonly absorbs: readonly { readonly id: string; readonly version: number }[] | undefined;
  readonly aliases: readonly string[];
};

function orNone<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Texts of Stripe's come along with answers too, not in the event alone. */
function storableText(plan: PlanInput): string {
  const json = JSON.stringify(plan);
  return UNSTORABLE_ESCAPE.test(json) ? (toStorableJson(json)?.json ?? json) : json;
}

function toSql(write: PlanWrite): PlanInput {
  const { plan } = write;
  const payment = paymentToSql(write);
  const relatives = relativesToSql(write);
  const writesPayments = payment !== undefined || relatives.length > 0;
  return {
    eventId: write.eventId ?? undefined,
    body: write.body == null ? undefined : Buffer.from(write.body).toString('base64'),
    status: write.status,
    retryInSeconds: write.retryInSeconds ?? undefined,
    unread: write.unread || undefined,
    reason: plan.obstacle === null ? plan.reason : undefined,
    errorCode: plan.obstacle?.code,
    error: plan.obstacle?.message,
    needsAttention: plan.obstacle?.needsAttention || undefined,
    accountId: plan.accountId ?? undefined,
    customerId: plan.customerId ?? undefined,
    customer: plan.customer ?? undefined,
    deletedCustomerId: plan.deletedCustomerId ?? undefined,
    subscription: plan.subscription ?? undefined,
    closedSessionId: write.closedSessionId ?? undefined,
    commands: orNone(plan.commands),
    payment,
    relatives: orNone(relatives),
    subscriptionRead: writesPayments ? (write.subscription ?? undefined) : undefined,
  };
}

function paymentToSql(write: PlanWrite): PaymentInput | undefined {
  const { plan, aliases, payments, newPaymentId } = write;
  if (plan.payment === null) {
    return undefined;
  }
  const [kept, ...absorbed] = payments;
  if (kept !== undefined && absorbed.length === 0 && saysNothingNew(kept, { plan, aliases })) {
    return undefined;
  }
  return {
    ...writtenOf(plan.payment),
    id: kept?.id ?? newPaymentId,
    version: kept?.version,
    absorbs: orNone(absorbed.map(({ id, version }) => ({ id, version }))),
    aliases: [...new Set([...aliases, ...payments.flatMap((one) => one.aliases)])],
  };
}

function writtenOf({ state, status, accountId, subscriptionId, nextDueAt }: PaymentWrite) {
  return {
    state: toStored(state),
    status,
    accountId: accountId ?? undefined,
    subscriptionId: subscriptionId ?? undefined,
    nextDueAt: nextDueAt ?? undefined,
  };
}

/** In the order of their ids, as every writer locks them. */
function relativesToSql({ plan, relatives }: PlanWrite): PaymentInput[] {
  return (plan.relatives ?? [])
    .map((one) => {
      const read = relatives.find(({ id }) => id === one.id);
      return {
        ...writtenOf(one),
        id: one.id,
        version: read?.version,
        absorbs: undefined,
        aliases: read?.aliases ?? [],
      };
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** A repetition: no need to write, and so no need to be refused when others write at the same time. */
function saysNothingNew(
  kept: StoredPayment,
  { plan, aliases }: Pick<PlanWrite, 'plan' | 'aliases'>,
): boolean {
  return (
    plan.commands.length === 0 &&
    aliases.every((alias) => kept.aliases.includes(alias)) &&
    isDeepStrictEqual(plan.payment?.state, kept.state)
  );
}
