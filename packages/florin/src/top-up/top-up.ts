import type { Executor, Row } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { PauseReason, TopUp, TopUpConsent } from './consent.ts';

/** A top-up as its worker sees it: the terms, and how far it has come. */
export type OpenTopUp = {
  readonly topUpId: string;
  readonly accountId: string;
  readonly status: TopUp['status'];
  readonly priceId: string;
  readonly stripePriceId: string;
  readonly quantity: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly customerId: string;
  readonly paymentMethodId: string;
  readonly invoiceId: string | null;
  readonly failureCode: string | null;
  readonly attempts: number;
  readonly createdAt: Date;
  /** As it is by now: what is off is not charged. */
  readonly consentStatus: TopUpConsent['status'];
  /** Declines in a row of the account, before this one. */
  readonly declines: number;
};

/** One step of a top-up. */
export type Move = {
  readonly to: TopUp['status'];
  /** When it is looked at again; absent once it is closed. */
  readonly inSeconds?: number;
  readonly failureCode?: string;
  readonly failure?: string;
  readonly hostedInvoiceUrl?: string;
  /** Of a failed one: until then the account is not charged again. */
  readonly notBeforeSeconds?: number;
  /** Of a failed one: nothing more is bought until the buyer acts. */
  readonly pause?: PauseReason | null;
};

/** Accounts that are low and have no top-up under way, at most `limit`. */
export async function lowAccounts(db: Executor, limit: number): Promise<string[]> {
  const rows = await db.query<Row & { accountId: string }>(
    'select account_id from billing.low_accounts($1) as account_id',
    [limit],
  );
  return rows.map(({ accountId }) => accountId);
}

/** Starts a top-up if all still holds; any number of callers start one. */
export async function beginTopUp(
  db: Executor,
  accountId: string,
): Promise<'begun' | 'paused' | null> {
  const rows = await db.query<Row & { outcome: 'begun' | 'paused' | null }>(
    'select billing.begin_top_up($1) as outcome',
    [accountId],
  );
  return rows[0]?.outcome ?? null;
}

/** Leases top-ups that are due to this caller. */
export async function claimTopUps(
  db: Executor,
  claim: { limit: number; leaseSeconds: number },
): Promise<string[]> {
  const rows = await db.query<Row & { topUpId: string }>(
    'select top_up_id from billing.claim_top_ups($1, make_interval(secs => $2)) as top_up_id',
    [claim.limit, claim.leaseSeconds],
  );
  return rows.map(({ topUpId }) => topUpId);
}

export async function readOpenTopUp(db: Executor, topUpId: string): Promise<OpenTopUp> {
  const rows = await db.query<Row & OpenTopUp>(
    `select u.top_up_id, u.account_id, u.status, u.price_id, u.stripe_price_id, u.quantity,
            u.amount_minor, u.currency, u.customer_id, u.payment_method_id, u.invoice_id,
            u.failure_code, u.attempts, u.created_at, t.declines,
            t.status as consent_status
       from billing.top_ups u join billing.top_up_consents t on t.account_id = u.account_id
      where u.top_up_id = $1`,
    [topUpId],
  );
  const [topUp] = rows;
  if (topUp === undefined) {
    throw new FlorinError('internal', `There is no top-up ${topUpId}.`);
  }
  return topUp;
}

/** Keeps a top-up's invoice; the first one stays, and is returned. */
export async function noteInvoice(
  db: Executor,
  note: { topUpId: string; invoiceId: string },
): Promise<string> {
  const rows = await db.query<Row & { invoiceId: string }>(
    'select billing.note_top_up_invoice($1, $2) as invoice_id',
    [note.topUpId, note.invoiceId],
  );
  return rows[0]?.invoiceId ?? note.invoiceId;
}

/** Takes one step, together with what it means for the consent. False: somebody else took one. */
export async function moveTopUp(
  db: Executor,
  from: { topUpId: string; status: TopUp['status'] },
  move: Move,
): Promise<boolean> {
  const rows = await db.query<Row & { moved: boolean }>(
    'select billing.move_top_up($1, $2, $3) as moved',
    [from.topUpId, from.status, JSON.stringify(move)],
  );
  return rows[0]?.moved ?? false;
}

/** Closes top-ups whose credits the ledger holds; how many. */
export async function closeCredited(db: Executor, limit: number): Promise<number> {
  const rows = await db.query<Row & { closed: number }>(
    'select billing.close_credited_top_ups($1) as closed',
    [limit],
  );
  return rows[0]?.closed ?? 0;
}
