import type { Executor, Row } from '../db/index.ts';

type OwnSession = { readonly accountId: string; readonly sessionId: string };

/** Notes which account a session at Stripe was made for; the first note stays. Repeatable. */
export async function noteCheckoutSession(
  db: Executor,
  { accountId, sessionId }: OwnSession,
): Promise<void> {
  await db.query('select billing.note_checkout_session($1, $2)', [accountId, sessionId]);
}

/**
 * Whether a session is the account's: Florin made it for the account, or an event about it was processed
 * for the account (a payment link). Asks the database alone, so that a made-up id costs Stripe nothing.
 */
export async function isSessionOf(
  db: Executor,
  { accountId, sessionId }: OwnSession,
): Promise<boolean> {
  const rows = await db.query<Row & { known: boolean }>(
    {
      name: 'billing_is_session_of',
      text: `select exists (select 1 from billing.checkout_sessions s
                             where s.checkout_session_id = $2 and s.account_id = $1)
                 or exists (select 1 from billing.events e
                             where e.object_id = $2 and e.account_id = $1) as known`,
    },
    [accountId, sessionId],
  );
  return rows[0]?.known ?? false;
}
