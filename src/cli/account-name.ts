import { findAccountByCustomer } from '../customers/index.ts';
import type { Database } from '../db/index.ts';
import { FlorinError, isUuid } from '../kernel/index.ts';
import { readEnvironment } from './environment.ts';

/** An account by its uuid, by its Stripe customer's id, or by the e-mail address that Stripe has. */
export async function resolveAccount(db: Database, text: string): Promise<string> {
  const isAccount: boolean = isUuid(text);
  if (isAccount) {
    return text.toLowerCase();
  }
  const customers = text.includes('@') ? await customersOf(text) : [text];
  const links = await Promise.all(customers.map((one) => findAccountByCustomer(db, one)));
  const accounts = [...new Set(links.filter((one) => one !== undefined))];
  const [only] = accounts;
  if (only !== undefined && accounts.length === 1) {
    return only;
  }
  throw new FlorinError(
    'not_found',
    accounts.length > 1
      ? `${text} stands for several accounts: ${accounts.join(', ')}. Name one of them.`
      : customers.length === 0
        ? `Stripe has no customer with the address ${text}. Look for the payment at Stripe, and name its customer.`
        : `No account belongs to ${customers.join(', ')} yet. \`florin events list --attention\` shows payments whose account is not known.`,
    { details: { customers, accounts } },
  );
}

async function customersOf(email: string): Promise<string[]> {
  // Only an address needs Stripe, whose SDK takes a while to load.
  const [{ requireStripe }, { toStripeFlorinError }] = await Promise.all([
    import('./stripe.ts'),
    import('../stripe/index.ts'),
  ]);
  const { client } = requireStripe(readEnvironment());
  try {
    const { data } = await client.customers.list({ email, limit: 100 });
    return data.map(({ id }) => id);
  } catch (error) {
    throw toStripeFlorinError(error);
  }
}
