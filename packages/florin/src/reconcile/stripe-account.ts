import type { Executor, Row } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { type StripeClient, toStripeFlorinError } from '../stripe/index.ts';
import type { ReconcileDeps } from './deps.ts';

/** Whose purchases Stripe is asked about. */
export type StripeAccount = {
  /** Null where the key may not read its own account: then only what Stripe knows proves it. */
  readonly id: string | null;
  /** The books are known to be this account's. */
  readonly accepted: boolean;
  /** Payments from before this are another account's; null: all are this one's. */
  readonly since: Date | null;
};

/**
 * The account of the secret key beside the one that the books belong to. Throws
 * `stripe_account_changed` when they differ, unless `replace` says that the change is meant: then
 * the new account counts from now on, and what was sold before is left as it is.
 */
export async function identifyAccount(
  { db, client, livemode }: ReconcileDeps,
  replace: boolean,
): Promise<StripeAccount> {
  const id = await accountOfKey(client);
  if (replace && id !== null) {
    await acceptAccount(db, { id, livemode, replace });
  }
  const current = await currentAccount(db);
  if (id === null || current === undefined) {
    return { id, accepted: false, since: current?.acceptedAt ?? null };
  }
  if (current.stripeAccountId !== id || current.livemode !== livemode) {
    throw new FlorinError(
      'stripe_account_changed',
      `STRIPE_SECRET_KEY is of Stripe account ${id} (${mode(livemode)}), and these books are of ${current.stripeAccountId} (${mode(current.livemode)}). Nothing was compared or changed. Set the right key, or, if the account was really changed, run florin reconcile --accept-account.`,
      { details: { account: id, accepted: current.stripeAccountId } },
    );
  }
  return { id, accepted: true, since: current.acceptedAt };
}

/** Keeps whose books these are. An account that is there already stays, unless `replace`. Repeatable. */
export async function acceptAccount(
  db: Executor,
  account: { id: string; livemode: boolean; replace: boolean },
): Promise<void> {
  await db.query('select billing.accept_stripe_account($1, $2, $3)', [
    account.id,
    account.livemode,
    account.replace,
  ]);
}

/** Before the first payment, the account of the secret key is the books' own. */
export async function keepFirstAccount({ db, client, livemode }: ReconcileDeps): Promise<void> {
  const [books] = await db.query<Row & { empty: boolean }>(
    'select not exists (select 1 from billing.payments) as empty',
  );
  const id = books?.empty === true ? await accountOfKey(client) : null;
  if (id !== null) {
    await acceptAccount(db, { id, livemode, replace: false });
  }
}

/** Null when the key is restricted and may not tell. Throws `stripe_unavailable`, `stripe_rejected`. */
async function accountOfKey(client: StripeClient): Promise<string | null> {
  try {
    return (await client.accounts.retrieveCurrent()).id;
  } catch (error) {
    const mapped = toStripeFlorinError(error);
    if (mapped.details['stripeType'] === 'StripePermissionError') {
      return null;
    }
    throw mapped;
  }
}

type AcceptedAccount = {
  readonly stripeAccountId: string;
  readonly livemode: boolean;
  readonly acceptedAt: Date | null;
};

async function currentAccount(db: Executor): Promise<AcceptedAccount | undefined> {
  const rows = await db.query<Row & AcceptedAccount>(
    `select stripe_account_id, livemode, nullif(accepted_at, '-infinity') as accepted_at
       from billing.stripe_accounts order by billing.stripe_accounts.accepted_at desc limit 1`,
  );
  return rows[0];
}

const mode = (livemode: boolean) => (livemode ? 'live mode' : 'test mode');
