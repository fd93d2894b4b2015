import { isDeepStrictEqual } from 'node:util';
import type { Executor, Row, SqlValue, Statement } from '../db/index.ts';
import type { Command, PaymentWrite, Plan } from '../fulfillment/index.ts';
import { FlorinError, toStorableJson, toStorableText } from '../kernel/index.ts';
import type { EventInHand } from './in-hand.ts';
import type { EventStatus } from './inbox.ts';
import type { ReadSubscription, StoredPayment } from './read-state.ts';
import { type StoredState, toStored } from './stored-state.ts';

/** What billing.apply_event takes, each by the name of its parameter without `p_`. */
const PARAMETERS = [
  'status',
  'event_id',
  'payload',
  'body',
  'type',
  'api_version',
  'livemode',
  'stripe_account',
  'object_id',
  'snapshot_event_id',
  'created',
  'retry_in_seconds',
  'reason',
  'error_code',
  'error',
  'needs_attention',
  'unread',
  'account_id',
  'customer_id',
  'linked_customer_id',
  'linked_account_id',
  'link_origin',
  'deleted_customer_id',
  'closed_session_id',
  'subscription',
  'subscription_read',
  'payment_id',
  'payment_version',
  'payment_absorbs',
  'payment_aliases',
  'payment_state',
  'payment_status',
  'payment_account_id',
  'payment_subscription_id',
  'payment_next_due_at',
  'relatives',
  'commands',
] as const;

const APPLY_EVENT: Statement = {
  name: 'billing_apply_event',
  text: `select billing.apply_event(${PARAMETERS.map((name, index) => `p_${name} => $${index + 1}`).join(', ')}) as outcome`,
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
  readonly event: Pick<EventInHand, 'event' | 'json' | 'body'> | null;
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
    toValues(toInput(write)),
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
  const rows = await db.query<Row & { outcomes: (PlanOutcome | null)[] }>(APPLY_EVENTS, [
    storableJson(writes.map(toInput)),
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
  await db.query(APPLY_EVENT, toValues({ status: 'processed', commands }), {
    lane: commands[0]?.accountId,
  });
}

/** The parameters of one call; what is left out is null. */
type PlanInput = { readonly [Name in (typeof PARAMETERS)[number]]?: unknown };

function toValues(input: PlanInput): SqlValue[] {
  return PARAMETERS.map((name) => toValue(input[name]));
}

function toValue(value: unknown): SqlValue {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'string':
      return toStorableText(value);
    case 'object':
      return value === null
        ? null
        : isTexts(value)
          ? value.map(toStorableText)
          : storableJson(value);
    default:
      return value as number | boolean;
  }
}

function isTexts(value: object): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** Another payment that the decision changes, as billing.write_relatives reads it. */
type RelativeInput = {
  readonly id: string;
  readonly version: number | undefined;
  readonly aliases: readonly string[];
  readonly state: StoredState;
  readonly status: PaymentWrite['status'];
  readonly accountId: string | undefined;
  readonly subscriptionId: string | undefined;
  readonly nextDueAt: number | undefined;
};

function orNone<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Texts of Stripe's come along with answers too, not in the event alone. */
function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return UNSTORABLE_ESCAPE.test(json) ? (toStorableJson(json)?.json ?? json) : json;
}

function toInput(write: PlanWrite): PlanInput {
  const { plan } = write;
  const payment = paymentInput(write);
  const relatives = relativesInput(write);
  return {
    ...(write.event === null ? {} : eventInput(write.event)),
    ...payment,
    status: write.status,
    retry_in_seconds: write.retryInSeconds ?? undefined,
    reason: plan.obstacle === null ? plan.reason : undefined,
    error_code: plan.obstacle?.code,
    error: plan.obstacle?.message,
    needs_attention: plan.obstacle?.needsAttention || undefined,
    unread: write.unread || undefined,
    account_id: plan.accountId ?? undefined,
    customer_id: plan.customerId ?? undefined,
    linked_customer_id: plan.customer?.customerId,
    linked_account_id: plan.customer?.accountId,
    link_origin: plan.customer?.origin,
    deleted_customer_id: plan.deletedCustomerId ?? undefined,
    closed_session_id: write.closedSessionId ?? undefined,
    subscription: plan.subscription ?? undefined,
    // Only where a payment is written that is of a subscription.
    subscription_read:
      payment === undefined && relatives.length === 0
        ? undefined
        : (write.subscription ?? undefined),
    relatives: orNone(relatives),
    commands: orNone(plan.commands),
  };
}

function eventInput({ event, json, body }: NonNullable<PlanWrite['event']>): PlanInput {
  return json === null
    ? { event_id: event.id }
    : {
        event_id: event.id,
        payload: json,
        body: body === undefined ? undefined : `\\x${Buffer.from(body).toString('hex')}`,
        type: event.type,
        api_version: event.apiVersion ?? undefined,
        livemode: event.livemode,
        stripe_account: event.account ?? undefined,
        object_id: event.object.id ?? undefined,
        snapshot_event_id: event.snapshotEventId ?? undefined,
        created: event.happened,
      };
}

function paymentInput(write: PlanWrite): PlanInput | undefined {
  const { plan, aliases, payments, newPaymentId } = write;
  if (plan.payment === null) {
    return undefined;
  }
  const [kept, ...absorbed] = payments;
  if (kept !== undefined && absorbed.length === 0 && saysNothingNew(kept, { plan, aliases })) {
    return undefined;
  }
  const { state, status, accountId, subscriptionId, nextDueAt } = plan.payment;
  return {
    payment_id: kept?.id ?? newPaymentId,
    payment_version: kept?.version,
    payment_absorbs: orNone(absorbed.map(({ id, version }) => ({ id, version }))),
    payment_aliases: [...new Set([...aliases, ...payments.flatMap((one) => one.aliases)])].sort(),
    payment_state: toStored(state),
    payment_status: status,
    payment_account_id: accountId ?? undefined,
    payment_subscription_id: subscriptionId ?? undefined,
    payment_next_due_at: nextDueAt ?? undefined,
  };
}

function relativesInput({ plan, relatives }: PlanWrite): RelativeInput[] {
  return (plan.relatives ?? []).map(
    ({ id, state, status, accountId, subscriptionId, nextDueAt }) => {
      const read = relatives.find((one) => one.id === id);
      return {
        id,
        version: read?.version,
        aliases: read?.aliases ?? [],
        state: toStored(state),
        status,
        accountId: accountId ?? undefined,
        subscriptionId: subscriptionId ?? undefined,
        nextDueAt: nextDueAt ?? undefined,
      };
    },
  );
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
