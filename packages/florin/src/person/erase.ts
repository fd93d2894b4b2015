import type { Executor } from '../db/index.ts';
import { check, FlorinError } from '../kernel/index.ts';
import { closeAccount } from '../ledger/index.ts';
import { listAccounts, removeMember } from '../members/index.ts';
import { REQUESTS } from './input.ts';

/** Something of a person that stays, and why. */
export type Kept = { readonly what: string; readonly why: string };

export type PersonErasure = {
  readonly userId: string;
  /** Rows that say nothing of them any more; all 0 when they were erased before. */
  readonly erased: {
    readonly memberships: number;
    readonly entries: number;
    readonly holds: number;
    readonly limits: number;
    readonly events: number;
    readonly alerts: number;
    readonly consents: number;
  };
  readonly kept: readonly Kept[];
};

type InAccount = { entries: number; holds: number; limits: number };
type InBilling = { events: number; eventsWaiting: number; alerts: number; consents: number };

/** Where they are named: the account's own is added, for it may have neither. */
const NAMED_IN = `
  select e.account_id from credits.entries e
   where e.actor = $1::text or e.metadata ->> 'actor' = $1::text
  union
  select h.account_id from credits.holds h where h.actor = $1::text
  union
  select l.account_id from credits.limits l where l.actor = $1::text`;

const STRIPE = `
  select (select count(*) from billing.customers c
           where c.account_id = $1::uuid and c.deleted_at is null) as customers,
         (select count(*) from billing.subscriptions s
           where s.account_id = $1::uuid and not s.ended) as subscriptions`;

/**
 * Takes a person out of all accounts: closes their own, ends their memberships, and erases what entries,
 * holds, limits, events and alerts say of them. Amounts, times, keys and ids of Stripe's objects stay, and the ledger
 * stays provable. Repeatable, also after it was cut off; `kept` says what stays and why. Throws `invalid_input`.
 */
export async function erasePerson(
  db: Executor,
  person: { userId: string },
): Promise<PersonErasure> {
  const { userId } = check(REQUESTS.person, person);
  const kept: Kept[] = [];
  await closeOwn(db, userId);
  const memberships = await leaveAll(db, userId, kept);
  const sums: InAccount = { entries: 0, holds: 0, limits: 0 };
  const named = await db.query<{ accountId: string }>(NAMED_IN, [userId]);
  for (const accountId of new Set([userId, ...named.map((one) => one.accountId)])) {
    const [done] = await db.query<InAccount>('select * from credits.erase_person($1, $2)', [
      accountId,
      userId,
    ]);
    for (const part of ['entries', 'holds', 'limits'] as const) {
      sums[part] += done?.[part] ?? 0;
    }
  }
  const [billing] = await db.query<InBilling>('select * from billing.erase_person($1)', [userId]);
  const { events = 0, eventsWaiting = 0, alerts = 0, consents = 0 } = billing ?? {};
  await addKept(db, { userId, eventsWaiting, kept });
  return { userId, erased: { memberships, ...sums, events, alerts, consents }, kept };
}

/** Nobody may use it any more; it may be closed already, or never have been. */
async function closeOwn(db: Executor, userId: string): Promise<void> {
  const [own] = await db.query(
    'select 1 from credits.accounts where account_id = $1 and closed_at is null',
    [userId],
  );
  if (own !== undefined) {
    await closeAccount(db, { accountId: userId, idempotencyKey: 'close:person-erased' });
  }
}

async function leaveAll(db: Executor, userId: string, kept: Kept[]): Promise<number> {
  let left = 0;
  let after: string | undefined;
  do {
    const { accounts, nextCursor } = await listAccounts(db, { userId, after });
    for (const { accountId } of accounts.filter((one) => one.accountId !== userId)) {
      try {
        left += (await removeMember(db, { accountId, userId })) ? 1 : 0;
      } catch (error) {
        if (
          !(error instanceof FlorinError) ||
          !['last_owner', 'invalid_input'].includes(error.code)
        ) {
          throw error;
        }
        kept.push({ what: `the membership of account ${accountId}`, why: error.message });
      }
    }
    after = nextCursor ?? undefined;
  } while (after !== undefined);
  return left;
}

async function addKept(
  db: Executor,
  { userId, eventsWaiting, kept }: { userId: string; eventsWaiting: number; kept: Kept[] },
): Promise<void> {
  const [stripe] = await db.query<{ customers: number; subscriptions: number }>(STRIPE, [userId]);
  const { customers = 0, subscriptions = 0 } = stripe ?? {};
  kept.push({
    what: 'amounts, times, idempotency keys and ids of Stripe in the ledger, under the account’s id',
    why: 'They are the books: refunds, disputes and proof depend on them. Without the user they name nobody.',
  });
  if (customers > 0) {
    kept.push({
      what: `the link to ${customers} customers of Stripe`,
      why: 'Money may still go back through them. Delete the customers at Stripe, which keeps the address.',
    });
  }
  if (subscriptions > 0) {
    kept.push({
      what: `${subscriptions} subscriptions that are not over`,
      why: 'Cancel them at Stripe: what they pay for from now on waits for a person, for the account is closed.',
    });
  }
  if (eventsWaiting > 0) {
    kept.push({
      what: `the payloads of ${eventsWaiting} events that are not finished`,
      why: 'They are still needed. Finish them (florin events list --attention), then erase again.',
    });
  }
}
