import type { Executor, Row } from '../db/index.ts';
import { isUuid } from '../kernel/index.ts';

/** Asks Stripe what the database does not know. */
export type AskStripe = {
  /** An object's other names; null when Stripe does not know it, undefined when it cannot be asked. */
  related(id: string): Promise<
    | {
        readonly ids: readonly string[];
        readonly accountIds: readonly string[];
      }
    | null
    | undefined
  >;
  /** The customers with an e-mail address. */
  customers(email: string): Promise<readonly string[]>;
};

/** What somebody looks for: an account, an address, or an object of Stripe's. */
export type SearchText =
  | { readonly accountId: string }
  | { readonly email: string }
  | { readonly stripeId: string };

const STRIPE_ID =
  /(?:^|[^A-Za-z0-9_])((?:evt|cs|in|pi|ch|py|re|pyr|dp|du|cus|sub|cn)_[A-Za-z0-9_]+)/;

/**
 * What somebody pasted: an account's uuid, an address, or an id of Stripe's, also within an address
 * of its dashboard or as a client secret. Undefined where it is none of them.
 */
export function readSearch(pasted: string): SearchText | undefined {
  const text = pasted.trim();
  const isAccount: boolean = isUuid(text);
  if (isAccount) {
    return { accountId: text.toLowerCase() };
  }
  if (/^[^\s/@]+@[^\s/@]+$/.test(text)) {
    return { email: text };
  }
  const stripeId = STRIPE_ID.exec(text)?.[1]?.replace(/_secret_.*$/, '');
  return stripeId === undefined ? undefined : { stripeId };
}

export type Whereabouts = {
  readonly accountIds: readonly string[];
  /** Every name of the payment: events about it carry one of them. */
  readonly names: readonly string[];
  /** Whether the inbox has an event about it. */
  readonly hasEvents: boolean;
  /** What Stripe said; null where it was not asked. */
  readonly atStripe: 'known' | 'unknown' | null;
};

/**
 * Finds the accounts that a payment, a refund, a subscription, a customer, an event or an address belongs
 * to. The database is asked first, and Stripe only about what it does not know. Writes nothing; throws
 * what `stripe` throws.
 */
export async function findWhereabouts(
  db: Executor,
  search: SearchText,
  stripe: AskStripe,
): Promise<Whereabouts> {
  if ('accountId' in search) {
    return { accountIds: [search.accountId], names: [], hasEvents: false, atStripe: null };
  }
  if ('email' in search) {
    const customers = await stripe.customers(search.email);
    const known = await findKnown(db, customers);
    return { ...known, atStripe: customers.length === 0 ? 'unknown' : 'known' };
  }
  const known = await findKnown(db, [search.stripeId]);
  if (known.accountIds.length > 0 || known.hasEvents) {
    return { ...known, atStripe: null };
  }
  const related = await stripe.related(search.stripeId);
  if (related == null) {
    return { ...known, atStripe: related === null ? 'unknown' : null };
  }
  const { accountIds, ...found } = await findKnown(db, [search.stripeId, ...related.ids]);
  const hinted = related.accountIds.filter((id) => isUuid(id)).map((id) => id.toLowerCase());
  return {
    ...found,
    accountIds: accountIds.length > 0 ? accountIds : [...new Set(hinted)],
    atStripe: 'known',
  };
}

type Known = {
  readonly accountIds: readonly string[];
  readonly names: readonly string[];
  readonly hasEvents: boolean;
};

/** Looks Stripe's objects up in billing's tables, each by an index. */
async function findKnown(db: Executor, ids: readonly string[]): Promise<Known> {
  const rows = await db.query<Row & Known>(
    `with given as materialized (
       select unnest($1::text[]) as name
        union
       select e.object_id from billing.events e
        where e.event_id = any ($1) and e.object_id is not null
     ), paid as materialized (
       select p.account_id, p.payment_id || p.other_names as aliases from billing.payment_aliases a
         join billing.payments p on p.payment_id = a.payment_id
        where a.alias = any ((select array_agg(g.name) from given g)::text[])
     ), named as materialized (
       select array(select g.name from given g union select unnest(p.aliases) from paid p) as names
     ), about as materialized (
       select e.account_id from billing.events e
        where e.event_id = any ((select n.names from named n)::text[])
        union all
       select e.account_id from billing.events e
        where e.object_id = any ((select n.names from named n)::text[])
        union all
       select e.account_id from billing.events e
        where e.customer_id = any ($1) and e.status in ('failed', 'dead'))
     select n.names, exists (select 1 from about) as has_events,
            array(select account_id from paid where account_id is not null
                   union
                  select c.account_id from billing.customers c where c.customer_id = any ($1)
                   union
                  select s.account_id from billing.subscriptions s
                   where s.subscription_id = any ($1) and s.account_id is not null
                   union
                  select o.account_id from billing.checkout_sessions o
                   where o.checkout_session_id = any ($1)
                   union
                  select b.account_id from about b where b.account_id is not null) as account_ids
       from named n`,
    [ids],
  );
  return rows[0] ?? { accountIds: [], names: ids, hasEvents: false };
}
