import { isDeepStrictEqual } from 'node:util';
import type { Executor, Row, SqlValue, Statement } from '../db/index.ts';
import type { Command, Effects, PaymentWrite } from '../fulfillment/index.ts';
import { FlorinError, stringifyStorable, toStorableText } from '../kernel/index.ts';
import type { EventInHand } from './in-hand.ts';
import type { EventStatus } from './inbox.ts';
import type { ReadSubscription, StoredPayment } from './read-state.ts';
import { type StoredState, toStored } from './stored-state.ts';

/** What billing.apply_event takes, each by the name of its parameter without `p_`; undefined is its default. */
const PARAMETERS: Readonly<Record<string, (parts: Parts) => unknown>> = {
  status: ({ write }) => write.status,
  event_id: ({ write }) => write.event?.event.id,
  payload: ({ write }) => write.event?.json ?? undefined,
  body: ({ told }) => told?.body && `\\x${Buffer.from(told.body).toString('hex')}`,
  type: ({ told }) => told?.event.type,
  api_version: ({ told }) => told?.event.apiVersion,
  livemode: ({ told }) => told?.event.livemode,
  stripe_account: ({ told }) => told?.event.account,
  object_id: ({ told }) => told?.event.object.id,
  snapshot_event_id: ({ told }) => told?.event.snapshotEventId,
  created: ({ told }) => told?.event.happened,
  retry_in_seconds: ({ write }) => write.retryInSeconds,
  reason: ({ effects }) => (effects.obstacle === null ? effects.reason : undefined),
  error_code: ({ effects }) => effects.obstacle?.code,
  error: ({ effects }) => effects.obstacle?.message,
  needs_attention: ({ effects }) => effects.obstacle?.needsAttention,
  unread: ({ write }) => write.unread,
  account_id: ({ effects }) => effects.accountId,
  customer_id: ({ effects }) => effects.customerId,
  linked_customer_id: ({ effects }) => effects.customer?.customerId,
  linked_account_id: ({ effects }) => effects.customer?.accountId,
  link_origin: ({ effects }) => effects.customer?.origin,
  deleted_customer_id: ({ effects }) => effects.deletedCustomerId,
  closed_session_id: ({ write }) => write.closedSessionId,
  subscription: ({ effects }) => effects.subscription,
  // Only where a payment is written that is of a subscription.
  subscription_read: ({ write, payment, relatives }) =>
    payment === undefined && relatives === undefined ? undefined : write.subscription,
  payment_id: ({ payment }) => payment?.id,
  payment_version: ({ payment }) => payment?.version,
  payment_absorbs: ({ payment }) => payment?.absorbs,
  payment_other_names: ({ payment }) => orNone(payment?.otherNames ?? []),
  payment_state: ({ effects, payment }) =>
    payment && effects.payment && toStored(effects.payment.state),
  payment_status: ({ effects, payment }) => payment && effects.payment?.status,
  payment_account_id: ({ effects, payment }) => payment && effects.payment?.accountId,
  payment_subscription_id: ({ effects, payment }) => payment && effects.payment?.subscriptionId,
  payment_next_due_at: ({ effects, payment }) => payment && effects.payment?.nextDueAt,
  relatives: ({ relatives }) => relatives,
  commands: ({ effects }) => orNone(effects.commands),
};
const NAMES = Object.keys(PARAMETERS);
const READERS = Object.values(PARAMETERS);

const APPLY_EVENT: Statement = {
  name: 'billing_apply_event',
  text: `select billing.apply_event(${NAMES.map((name, index) => `p_${name} => $${index + 1}`).join(', ')}) as outcome`,
};
const APPLY_EVENTS: Statement = {
  name: 'billing_apply_events',
  text: 'select billing.apply_events($1) as outcomes',
};

const APPLY_COMMANDS: Statement = {
  name: 'billing_apply_commands',
  text: "select billing.apply_event('processed', p_commands => $1)",
};

const LOCK_NOT_AVAILABLE = '55P03';

export type EventWrite = {
  /** The event that was decided on; null for a job. */
  readonly event: Pick<EventInHand, 'event' | 'json' | 'body'> | null;
  readonly effects: Effects;
  readonly status: EventStatus;
  readonly retryInSeconds: number | null;
  /** Decided without reading: refused when the payment is known, or the customer linked to another account. */
  readonly unread: boolean;
  readonly aliases: readonly string[];
  readonly payments: readonly StoredPayment[];
  readonly relatives: readonly StoredPayment[];
  readonly subscription: ReadSubscription | null;
  readonly closedSessionId: string | null;
};

/** `duplicate`: the event was finished before. */
export type EventOutcome = 'applied' | 'duplicate';

/**
 * Writes an event's effects in one statement and one commit. Throws `account_busy` when too much waits
 * for the account that it is about.
 */
export async function applyEvent(db: Executor, write: EventWrite): Promise<EventOutcome> {
  const rows = await db.query<Row & { outcome: EventOutcome }>(
    APPLY_EVENT,
    toValues(write),
    // Only what moves credits waits for the account's row.
    { lane: write.effects.commands[0]?.accountId },
  );
  return rows[0]?.outcome ?? 'duplicate';
}

/**
 * Writes the effects of several deliveries in one statement and one commit, in the order of their
 * accounts. Null for one that fell out: it has to be written alone.
 */
export async function applyEvents(
  db: Executor,
  writes: readonly EventWrite[],
): Promise<readonly (EventOutcome | null)[]> {
  const rows = await db.query<Row & { outcomes: (EventOutcome | null)[] }>(APPLY_EVENTS, [
    `[${writes.map(toJson).join(',')}]`,
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
  await db.query(APPLY_COMMANDS, [stringifyStorable(commands)], { lane: commands[0]?.accountId });
}

/** What the parameters are read from. */
type Parts = {
  readonly write: EventWrite;
  readonly effects: Effects;
  /** The event, where the inbox does not have it yet. */
  readonly told: NonNullable<EventWrite['event']> | undefined;
  readonly payment: PaymentKey | undefined;
  readonly relatives: readonly RelativeInput[] | undefined;
};

function toParts(write: EventWrite): Parts {
  const { effects, event } = write;
  return {
    write,
    effects,
    told: event === null || event.json === null ? undefined : event,
    payment: keyOfPayment(write),
    relatives: orNone(relativesOf(write)),
  };
}

function toValues(write: EventWrite): SqlValue[] {
  const parts = toParts(write);
  return READERS.map((read) => toValue(read(parts)));
}

/** Texts of Stripe's come along with answers too, not in the event alone. */
function toValue(value: unknown): SqlValue {
  if (typeof value === 'string') {
    return toStorableText(value);
  }
  if (typeof value !== 'object' || value === null) {
    return (value ?? null) as number | boolean | null;
  }
  return isTexts(value) ? value.map(toStorableText) : stringifyStorable(value);
}

function isTexts(value: object): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** One delivery as billing.apply_events reads it. Written out: an object of so many fields is slow. */
function toJson(write: EventWrite): string {
  const parts = toParts(write);
  const fields: string[] = [];
  for (const [index, read] of READERS.entries()) {
    const value = read(parts);
    if (value !== undefined && value !== null) {
      fields.push(`"${NAMES[index]}":${stringifyStorable(value)}`);
    }
  }
  return `{${fields.join(',')}}`;
}

/** Which payment is written, and what it must be found as. */
type PaymentKey = {
  readonly id: string;
  /** The version that was read; none for a new payment. */
  readonly version: number | undefined;
  /** Payments that turned out to be the same one. */
  readonly absorbs: readonly { readonly id: string; readonly version: number }[] | undefined;
  readonly otherNames: readonly string[];
};

/** Another payment that the decision changes, as billing.write_relatives reads it. */
type RelativeInput = {
  readonly id: string;
  readonly version: number | undefined;
  readonly otherNames: readonly string[] | undefined;
  readonly state: StoredState;
  readonly status: PaymentWrite['status'];
  readonly accountId: string | undefined;
  readonly subscriptionId: string | undefined;
  readonly nextDueAt: number | undefined;
};

function orNone<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function keyOfPayment(write: EventWrite): PaymentKey | undefined {
  const { effects, aliases, payments } = write;
  if (effects.payment === null) {
    return undefined;
  }
  const [kept, ...absorbed] = payments;
  if (kept !== undefined && absorbed.length === 0 && saysNothingNew(kept, { effects, aliases })) {
    return undefined;
  }
  // In one order, as every writer does: two that write the same names do not wait for each other in a circle.
  const names = [...new Set([...aliases, ...payments.flatMap((one) => one.aliases)])].sort();
  const id = kept?.id ?? names[0];
  if (id === undefined) {
    throw new FlorinError('internal', 'A payment without a name cannot be written.');
  }
  return {
    id,
    version: kept?.version,
    absorbs: orNone(absorbed.map((one) => ({ id: one.id, version: one.version }))),
    otherNames: names.filter((name) => name !== id),
  };
}

function relativesOf({ effects, relatives }: EventWrite): RelativeInput[] {
  return (effects.relatives ?? []).map(
    ({ id, state, status, accountId, subscriptionId, nextDueAt }) => {
      const read = relatives.find((one) => one.id === id);
      return {
        id,
        version: read?.version,
        otherNames: orNone((read?.aliases ?? []).filter((name) => name !== id)),
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
  { effects, aliases }: Pick<EventWrite, 'effects' | 'aliases'>,
): boolean {
  return (
    effects.commands.length === 0 &&
    aliases.every((alias) => kept.aliases.includes(alias)) &&
    isDeepStrictEqual(effects.payment?.state, kept.state)
  );
}
