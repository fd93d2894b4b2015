import { askCustomers, askRelated } from '../stripe/index.ts';
import { type InboxEvent, listEvents } from '../webhooks/index.ts';
import { type AccountHit, findAccounts } from './accounts.ts';
import type { ConsoleDeps } from './deps.ts';
import { findWhereabouts, readSearch, type Whereabouts } from './search.ts';

export type Found = {
  /** The Stripe id within the text; null for an account or an address. */
  readonly stripeId: string | null;
  readonly accounts: readonly (AccountHit & { readonly email: string | null })[];
  /** Accounts that it belongs to as well, to which nothing was ever granted. */
  readonly withoutLedger: readonly string[];
  /** Newest first, about this payment or object alone. */
  readonly events: readonly InboxEvent[];
  /** What Stripe answered; null where it was not asked. */
  readonly atStripe: Whereabouts['atStripe'];
};

const MAX_EVENTS = 50;
const NOTHING: Found = {
  stripeId: null,
  accounts: [],
  withoutLedger: [],
  events: [],
  atStripe: null,
};

/**
 * The accounts and the events that belong to an account's id, any id of Stripe's or an email; for an
 * empty text the latest customers. Throws what Stripe's client throws when only Stripe can tell.
 */
export async function findByText(
  { db, stripe }: Omit<ConsoleDeps, 'logger'>,
  text: string,
): Promise<Found> {
  if (text.trim() === '') {
    const latest = await findAccounts(db);
    return { ...NOTHING, accounts: latest.map((hit) => ({ ...hit, email: null })) };
  }
  const wanted = readSearch(text);
  if (wanted === undefined) {
    return NOTHING;
  }
  const { accountIds, names, hasEvents, atStripe } = await findWhereabouts(db, wanted, {
    related: (id) => askRelated(stripe, id),
    customers: (email) => askCustomers(stripe, email),
  });
  const email = 'email' in wanted ? wanted.email : null;
  const [hits, events] = await Promise.all([
    accountIds.length === 0 ? [] : findAccounts(db, accountIds),
    hasEvents ? listEvents(db, { about: names, limit: MAX_EVENTS }) : [],
  ]);
  const shown = new Set(hits.map(({ accountId }) => accountId));
  return {
    stripeId: 'stripeId' in wanted ? wanted.stripeId : null,
    accounts: hits.map((hit) => ({ ...hit, email })),
    withoutLedger: accountIds.filter((id) => !shown.has(id)),
    events,
    atStripe,
  };
}
