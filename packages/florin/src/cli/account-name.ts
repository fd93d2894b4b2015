import { type AskStripe, findWhereabouts, type SearchText } from '../console/index.ts';
import type { Database } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { askCustomers, askRelated } from '../stripe/index.ts';
import { readEnvironment } from './environment.ts';
import { requireStripe } from './stripe.ts';

/** An account by its uuid, by an e-mail address that Stripe has, or by any id of Stripe's that leads to it. */
export async function resolveAccount(db: Database, search: SearchText): Promise<string> {
  const { accountIds, hasEvents, atStripe } = await findWhereabouts(db, search, askStripe());
  const [only] = accountIds;
  if (only !== undefined && accountIds.length === 1) {
    return only;
  }
  const [name = ''] = Object.values(search);
  throw new FlorinError(
    'not_found',
    accountIds.length > 1
      ? `${name} stands for several accounts: ${accountIds.join(', ')}. Name one of them.`
      : explain({ search, name, hasEvents, atStripe }),
    { details: { name, accounts: accountIds } },
  );
}

function explain(found: {
  search: SearchText;
  name: string;
  hasEvents: boolean;
  atStripe: 'known' | 'unknown' | null;
}): string {
  const { search, name, hasEvents, atStripe } = found;
  if (hasEvents) {
    return `${name} is in the inbox, and belongs to no account yet. \`florin events list --attention\` says what it waits for.`;
  }
  if (atStripe === 'unknown') {
    return 'email' in search
      ? `Stripe has no customer with the address ${name}. Look for the payment at Stripe, and name it.`
      : `Neither the inbox nor Stripe knows ${name}.`;
  }
  return atStripe === 'known'
    ? `Stripe knows ${name}, and no account belongs to it yet. \`florin events list --attention\` shows payments whose account is not known, \`florin reconcile\` those that never arrived.`
    : `No account belongs to ${name} yet. \`florin events list --attention\` shows payments whose account is not known.`;
}

/** Only what the database does not know is asked of Stripe, and needs its key. */
function askStripe(): AskStripe {
  return {
    async related(id) {
      const environment = readEnvironment();
      return environment['STRIPE_SECRET_KEY'] === undefined
        ? undefined
        : askRelated(requireStripe(environment).client, id);
    },
    customers: async (email) => askCustomers(requireStripe(readEnvironment()).client, email),
  };
}
