import type { Executor, Row, Statement } from '../db/index.ts';
import {
  EMPTY_PAYMENT,
  type KnownState,
  mergePayments,
  type PaymentState,
  type StoredSubscription,
} from '../fulfillment/index.ts';
import type { StateRequest } from './decide-with.ts';
import type { EventStatus } from './inbox.ts';
import { fromStored, type StoredState } from './stored-state.ts';

const READ_STATE: Statement = {
  name: 'billing_read_state',
  text: 'select * from billing.read_state($1, $2, $3, $4, $5, $6)',
};

export type StateQuery = StateRequest & {
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

/** What Florin knows before it takes in the event. */
export type StateBefore = {
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
export async function readState(db: Executor, request: StateQuery): Promise<StateBefore> {
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
