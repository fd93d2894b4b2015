import type { Executor, Row } from '../db/index.ts';

/** The one checkout that an account has open in a slot, or is just opening. */
export type Attempt = {
  readonly attemptId: string;
  /** Null until Stripe has made it. */
  readonly checkoutSessionId: string | null;
};

type Place = { readonly accountId: string; readonly slot: string };

/** Stripe keeps idempotency keys for 24 hours at least: an attempt may be repeated until then. */
const ATTEMPT_SECONDS = 23 * 3_600;

/** Finds the open checkout of a slot, or starts an attempt: at the same time for all who ask. */
export async function beginCheckout(
  db: Executor,
  { accountId, slot }: Place,
  forSeconds = ATTEMPT_SECONDS,
): Promise<Attempt> {
  const rows = await db.query<Row & Attempt>(
    {
      name: 'billing_begin_checkout',
      text: `select attempt_id, checkout_session_id
               from billing.begin_checkout($1, $2, make_interval(secs => $3))`,
    },
    [accountId, slot, forSeconds],
  );
  return rows[0] as Attempt;
}

export async function recordCheckout(
  db: Executor,
  made: Place & { attemptId: string; sessionId: string; expiresAt: Date },
): Promise<void> {
  await db.query('select billing.record_checkout($1, $2, $3, $4, $5)', [
    made.accountId,
    made.slot,
    made.attemptId,
    made.sessionId,
    made.expiresAt,
  ]);
}

/** Ends an attempt that Stripe has refused, so that the next one is asked under another key. */
export async function abandonAttempt(
  db: Executor,
  attempt: Place & { attemptId: string },
): Promise<void> {
  await db.query('select billing.abandon_checkout($1, $2, $3)', [
    attempt.accountId,
    attempt.slot,
    attempt.attemptId,
  ]);
}

/** Forgets a checkout that is over. */
export async function closeCheckout(db: Executor, sessionId: string): Promise<void> {
  await db.query('select billing.close_checkout($1)', [sessionId]);
}

export type Consumed = {
  /** True for exactly one caller. */
  readonly consumed: boolean;
  readonly accountId: string;
  readonly checkoutSessionId: string | null;
};

/** Uses a plan session up, once, whatever races. */
export async function consumePlanSession(
  db: Executor,
  session: { nonce: string; accountId: string; expiresAt: Date },
): Promise<Consumed> {
  const rows = await db.query<Row & Consumed>(
    'select consumed, account_id, checkout_session_id from billing.consume_plan_session($1, $2, $3)',
    [session.nonce, session.accountId, session.expiresAt],
  );
  return rows[0] as Consumed;
}

export async function recordPlanCheckout(
  db: Executor,
  made: { nonce: string; sessionId: string },
): Promise<void> {
  await db.query('select billing.record_plan_checkout($1, $2)', [made.nonce, made.sessionId]);
}
