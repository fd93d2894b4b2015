import type { Executor, Row, SqlValue, Statement } from '../db/index.ts';

const CLAIM_EVENTS: Statement = {
  name: 'billing_claim_events',
  text: 'select * from billing.claim_events($1, make_interval(secs => $2))',
};

export type EventStatus = 'received' | 'processed' | 'skipped' | 'failed' | 'dead';

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
