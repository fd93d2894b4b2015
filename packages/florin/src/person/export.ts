import { type Credit, showFields, WHOLE_CREDITS } from '../credit/index.ts';
import type { Executor, Row } from '../db/index.ts';
import { check } from '../kernel/index.ts';
import { REQUESTS } from './input.ts';

/** All that Florin keeps about one person, as rows of its tables; amounts are in credits. */
export type PersonExport = {
  readonly userId: string;
  readonly exportedAt: Date;
  /** The accounts of which they are a member, and as what; their own first. */
  readonly memberships: readonly Row[];
  /** Their own account's ledger. */
  readonly account: readonly Row[];
  readonly entries: readonly Row[];
  readonly grants: readonly Row[];
  readonly holds: readonly Row[];
  /** What they did in accounts of others: used, moved, or changed by hand. */
  readonly actedIn: { readonly entries: readonly Row[]; readonly holds: readonly Row[] };
  /** What they may use at most, in any account. */
  readonly limits: readonly Row[];
  readonly customers: readonly Row[];
  readonly subscriptions: readonly Row[];
  readonly payments: readonly Row[];
  readonly checkouts: readonly Row[];
  readonly consents: readonly Row[];
  readonly topUps: readonly Row[];
  /** Of their own account, and of limits that they passed in others. */
  readonly alerts: readonly Row[];
  /** What Stripe told about their own account and its customers. */
  readonly events: readonly Row[];
};

const ENTRY = `account_id, entry_no, kind::text as kind, amount, posted_after, created_at, idempotency_key,
  grant_id, hold_id, actor, feature, meter, quantity::text as quantity, pricing, metadata`;
const HOLD = `account_id, hold_id, amount, captured, status::text as status, created_at, expires_at,
  idempotency_key, actor, feature, metadata`;
const OTHERS = "account_id <> $1::uuid and (actor = $1::text or metadata ->> 'actor' = $1::text)";

/** Statements, each about one user: none joins the ledger's tables with billing's (docs/scale.md). */
const QUERIES = {
  memberships:
    'select account_id, role::text as role from credits.accounts_of($1::uuid, null, 2147483647)',
  account: `select a.account_id, a.closed_at, a.posted, a.held, a.next_expiry_at
              from credits.accounts a where a.account_id = $1::uuid`,
  entries: `select ${ENTRY} from credits.entries where account_id = $1::uuid order by entry_no`,
  grants: `select account_id, grant_id, source, priority, amount, remaining, burned, expired, voided,
                  reversed, moved, effective_at, expires_at, created_at, purchase_key
             from credits.grants where account_id = $1::uuid order by issued_no`,
  holds: `select ${HOLD} from credits.holds where account_id = $1::uuid order by created_at`,
  othersEntries: `select ${ENTRY} from credits.entries where ${OTHERS} order by account_id, entry_no`,
  othersHolds: `select ${HOLD} from credits.holds
                 where account_id <> $1::uuid and actor = $1::text order by account_id, created_at`,
  limits: `select account_id, actor, feature, per::text as per, amount, soft, time_zone
             from credits.limits where account_id = $1::uuid or actor = $1::text
            order by account_id, limit_id`,
  customers: `select customer_id, account_id, origin, created_at, deleted_at from billing.customers
               where account_id = $1::uuid order by created_at`,
  subscriptions: `select subscription_id, customer_id, status, current_period_end, fact
                    from billing.subscriptions where account_id = $1::uuid order by subscription_id`,
  payments: `select payment_id, subscription_id, status, created_at, payment_id || other_names as aliases, state
               from billing.payments where account_id = $1::uuid order by created_at`,
  checkouts: `select checkout_session_id, created_at from billing.checkout_sessions
               where account_id = $1::uuid order by created_at`,
  consents: 'select c.* from billing.top_up_consents c where c.account_id = $1::uuid',
  topUps: 'select t.* from billing.top_ups t where t.account_id = $1::uuid order by t.top_up_id',
  alerts: `select account_id, type, data, created_at, delivered_at from billing.alerts
            where account_id = $1::uuid or data ->> 'actor' = $1::text order by created_at`,
  events: `select event_id, type, created_at, received_at, status, payload from billing.events
            where account_id = $1::uuid
               or customer_id in (select c.customer_id from billing.customers c where c.account_id = $1::uuid)
            order by received_at`,
} as const;

/** What is an amount of credits in the rows, and in an alert's data. */
const AMOUNTS: ReadonlySet<string> = new Set([
  ...['amount', 'posted', 'postedAfter', 'held', 'captured', 'remaining', 'burned', 'expired'],
  ...['voided', 'reversed', 'moved', 'credits', 'threshold', 'available', 'below', 'limit', 'used'],
]);

/**
 * Everything about a user in all accounts, for a request of access. Reads the whole history, not in one snapshot:
 * for operators, not for requests. Writes nothing. Throws `invalid_input`.
 */
export async function exportPerson(
  db: Executor,
  person: { userId: string; now: Date; credit?: Credit },
): Promise<PersonExport> {
  const { credit = WHOLE_CREDITS, now } = person;
  const { userId } = check(REQUESTS.person, { userId: person.userId });
  const found = {} as Record<keyof typeof QUERIES, readonly Row[]>;
  for (const [name, query] of Object.entries(QUERIES)) {
    const rows = await db.query<Row>(query, [userId]);
    found[name as keyof typeof QUERIES] = rows.map((row) => inCredits(credit, row));
  }
  const { othersEntries, othersHolds, ...own } = found;
  return {
    userId,
    exportedAt: now,
    ...own,
    actedIn: { entries: othersEntries, holds: othersHolds },
  };
}

function inCredits(credit: Credit, row: Row): Row {
  const { data } = row;
  const shown = showFields(credit, AMOUNTS, row);
  return data === undefined ? shown : { ...shown, data: showFields(credit, AMOUNTS, data) };
}
