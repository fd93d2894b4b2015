import { isDeepStrictEqual } from 'node:util';
import type { Executor, Row, SqlValue, Statement } from '../db/index.ts';
import {
  type Command,
  type CustomerLink,
  EMPTY_PAYMENT,
  type KnownState,
  mergePayments,
  type PaymentState,
  type PaymentWrite,
  type Plan,
  type StoredSubscription,
  type SubscriptionLink,
} from '../fulfillment/index.ts';
import { FlorinError, toStorableJson } from '../kernel/index.ts';
import type { StateRequest } from './decide-with.ts';
import { fromStored, type StoredState, toStored } from './stored-state.ts';

const READ_STATE: Statement = {
  name: 'billing_read_state',
  text: 'select * from billing.read_state($1, $2, $3, $4, $5, $6)',
};
const APPLY_EVENT: Statement = {
  name: 'billing_apply_event',
  text: 'select billing.apply_event($1, $2) as outcome',
};
const APPLY_EVENTS: Statement = {
  name: 'billing_apply_events',
  text: 'select billing.apply_events($1) as outcomes',
};
const CLAIM_EVENTS: Statement = {
  name: 'billing_claim_events',
  text: 'select * from billing.claim_events($1, make_interval(secs => $2))',
};

const LOCK_NOT_AVAILABLE = '55P03';
/** NUL and half surrogate pairs, as JSON.stringify writes them. */
const UNSTORABLE_ESCAPE = /\\u(?:0000|d[89a-f])/;

export type EventStatus = 'received' | 'processed' | 'skipped' | 'failed' | 'dead';

export type ReadRequest = StateRequest & {
  /** Null for a job. */
  readonly eventId: string | null;
};

/** A payment's row as it was read: what the write must find unchanged. */
export type StoredPayment = {
  readonly id: string;
  readonly version: number;
  readonly aliases: readonly string[];
  readonly state: PaymentState;
};

type PaymentRow = Omit<StoredPayment, 'state'> & { readonly state: StoredState };

function toPayment(row: PaymentRow): StoredPayment {
  return { ...row, state: fromStored(row.state) };
}

export type StateRead = {
  readonly eventStatus: EventStatus | null;
  readonly attempts: number;
  readonly known: KnownState;
  readonly payments: readonly StoredPayment[];
  /** The other payments of the subscription, where lines of one credit lines of others. */
  readonly relatives: readonly StoredPayment[];
  readonly subscription: ReadSubscription | null;
};

/** Whose payments were read, and how often they had been written: what the write must find unchanged. */
export type ReadSubscription = {
  /** Under which its payments are kept: its own, or that of another one which an invoice billed with it. */
  readonly id: string;
  readonly of: string;
  readonly version: number;
  /** Others whose payments are kept under the same id from this write on. */
  readonly joined?: readonly { readonly id: string; readonly version: number }[];
  /** When those that are kept together ended, in seconds since 1970. */
  readonly ended?: Readonly<Record<string, number>>;
};

/** Reads all that a decision needs, in one round trip. */
export async function readState(db: Executor, request: ReadRequest): Promise<StateRead> {
  const rows = await db.query<
    Row & {
      eventStatus: EventStatus | null;
      eventAttempts: number | null;
      customerAccountId: string | null;
      subscription: StoredSubscription | null;
      subscriptionRead: ReadSubscription | null;
      payments: PaymentRow[] | null;
      relatives: PaymentRow[] | null;
    }
  >(READ_STATE, [
    request.eventId,
    request.aliases,
    request.customerId,
    request.subscriptionId,
    request.joinedSubscriptions,
    request.wholeSubscription,
  ]);
  const row = rows[0];
  const payments = (row?.payments ?? []).map(toPayment);
  const relatives = (row?.relatives ?? []).map(toPayment);
  return {
    eventStatus: row?.eventStatus ?? null,
    attempts: row?.eventAttempts ?? 0,
    payments,
    relatives,
    subscription: row?.subscriptionRead ?? null,
    known: {
      relatives,
      payment: payments.reduce((merged, one) => mergePayments(merged, one.state), EMPTY_PAYMENT),
      customerAccountId: row?.customerAccountId ?? null,
      subscription: row?.subscription ?? null,
      ...(row?.subscriptionRead?.ended === undefined ? {} : { ended: row.subscriptionRead.ended }),
    },
  };
}

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

export type ClaimedEvent = {
  readonly eventId: string;
  readonly attempts: number;
  readonly payload: unknown;
  readonly body: Uint8Array | null;
};

/** Leases due events to this worker. */
export async function claimEvents(
  db: Executor,
  claim: { limit: number; leaseSeconds: number },
): Promise<ClaimedEvent[]> {
  return db.query<Row & ClaimedEvent>(CLAIM_EVENTS, [claim.limit, claim.leaseSeconds]);
}

export type InboxEvent = {
  readonly eventId: string;
  readonly type: string;
  readonly status: EventStatus;
  readonly needsAttention: boolean;
  readonly attempts: number;
  readonly reason: string | null;
  readonly errorCode: string | null;
  readonly error: string | null;
  readonly accountId: string | null;
  readonly customerId: string | null;
  readonly objectId: string | null;
  readonly apiVersion: string | null;
  readonly livemode: boolean;
  readonly createdAt: Date;
  readonly receivedAt: Date;
  readonly processedAt: Date | null;
  readonly nextAttemptAt: Date | null;
  /** Bytes that are kept as they came, since the payload lacks something of them; null: it lacks nothing. */
  readonly keptBytes: number | null;
};

export type EventFilter = {
  readonly status?: EventStatus | undefined;
  readonly needsAttention?: boolean | undefined;
  readonly type?: string | undefined;
  readonly accountId?: string | undefined;
  /** Only these events, those about these objects, and unfinished ones of these customers. */
  readonly about?: readonly string[] | undefined;
  /** Only events received before this one: the next page. */
  readonly before?: Date | undefined;
  readonly limit?: number | undefined;
};

const COLUMNS = `event_id, type, status, needs_attention, attempts, reason, error_code, error,
  account_id, customer_id, object_id, api_version, livemode, created_at, received_at, processed_at,
  next_attempt_at, octet_length(body) as kept_bytes`;

export type StoredEvent = InboxEvent & {
  readonly payload: unknown;
  readonly body: Buffer | null;
};

/** The inbox, newest first. */
export async function listEvents(db: Executor, filter: EventFilter = {}): Promise<InboxEvent[]> {
  const values: SqlValue[] = [];
  const conditions = Object.entries({
    'status =': filter.status,
    'needs_attention =': filter.needsAttention,
    'type =': filter.type,
    'account_id =': filter.accountId,
    'received_at <': filter.before,
  }).flatMap(([condition, value]) => {
    if (value === undefined) {
      return [];
    }
    values.push(value);
    return `${condition} $${values.length}`;
  });
  if (filter.about !== undefined) {
    values.push(filter.about);
    const ids = `any ($${values.length})`;
    conditions.push(
      `(event_id = ${ids} or object_id = ${ids} or (customer_id = ${ids} and status in ('failed', 'dead')))`,
    );
  }
  values.push(Math.min(filter.limit ?? 50, 500));
  const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
  return db.query<Row & InboxEvent>(
    `select ${COLUMNS} from billing.events ${where} order by received_at desc limit $${values.length}`,
    values,
  );
}

/** One event with its payload, and its bytes where those were kept; undefined when there is none. */
export async function showEvent(db: Executor, eventId: string): Promise<StoredEvent | undefined> {
  const rows = await db.query<Row & StoredEvent>(
    `select ${COLUMNS}, payload, body from billing.events where event_id = $1`,
    [eventId],
  );
  return rows[0];
}

/** The payload that last told of an early fraud warning; undefined when none did. */
export async function latestWarning(db: Executor, warningId: string): Promise<unknown> {
  const rows = await db.query<Row & { payload: unknown }>(
    `select payload from billing.events
      where object_id = $1 and type like any (array['radar.early_fraud_warning.%', 'v1.radar.early_fraud_warning.%'])
      order by created_at desc limit 1`,
    [warningId],
  );
  return rows[0]?.payload;
}

/** Puts an event back to be processed; false when there is none. Harmless: a key grants once. */
export async function putBack(db: Executor, eventId: string): Promise<boolean> {
  const rows = await db.query<Row & { found: boolean }>(
    'select billing.replay_event($1) as found',
    [eventId],
  );
  return rows[0]?.found ?? false;
}

/** Deletes used plan sessions and open checkouts a day after they expired, up to `limit` of each; how many. */
export async function forgetExpired(db: Executor, limit: number): Promise<number> {
  const rows = await db.query<Row & { forgotten: number }>(
    'select billing.forget_expired($1) as forgotten',
    [limit],
  );
  return rows[0]?.forgotten ?? 0;
}
