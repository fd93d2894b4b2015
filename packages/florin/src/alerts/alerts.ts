import type { Executor, Row } from '../db/index.ts';

/** What an app should hear of an account; docs/alerts.md says when each comes and what `data` holds. */
export type Alert = {
  /** Names the alert on every repetition. */
  readonly alertId: string;
  readonly accountId: string;
  readonly type: 'balance_low' | 'limit_passed' | 'top_up_paused' | 'top_up_action_required';
  readonly data: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
};

export type ClaimedAlert = Alert & { readonly attempts: number };

/** Writes one alert for each account whose balance has fallen below its threshold; returns how many. */
export async function noteLowBalances(
  db: Executor,
  { below, limit }: { below: number; limit: number },
): Promise<number> {
  const rows = await db.query<Row & { noted: number }>(
    'select billing.note_low_balances($1, $2) as noted',
    [below, limit],
  );
  return rows[0]?.noted ?? 0;
}

/** Writes one alert for each soft limit that was passed, once a window; returns how many. */
export async function notePassedLimits(db: Executor, limit: number): Promise<number> {
  const rows = await db.query<Row & { noted: number }>(
    'select billing.note_passed_limits($1) as noted',
    [limit],
  );
  return rows[0]?.noted ?? 0;
}

/** Leases alerts that are due to this caller. */
export async function claimAlerts(
  db: Executor,
  claim: { limit: number; leaseSeconds: number },
): Promise<ClaimedAlert[]> {
  return db.query<Row & ClaimedAlert>(
    'select * from billing.claim_alerts($1, make_interval(secs => $2))',
    [claim.limit, claim.leaseSeconds],
  );
}

/** Delivered, or to be tried again in `retryInSeconds`, or, without it, given up. */
export async function markAlertSent(
  db: Executor,
  {
    alertId,
    delivered,
    retryInSeconds,
  }: {
    alertId: string;
    delivered: boolean;
    retryInSeconds: number | null;
  },
): Promise<void> {
  await db.query('select billing.mark_alert_sent($1, $2, make_interval(secs => $3))', [
    alertId,
    delivered,
    retryInSeconds,
  ]);
}

/** Deletes alerts after 30 days, up to `limit`; how many. */
export async function forgetAlerts(db: Executor, limit: number): Promise<number> {
  const rows = await db.query<Row & { forgotten: number }>(
    'select billing.forget_alerts($1) as forgotten',
    [limit],
  );
  return rows[0]?.forgotten ?? 0;
}
