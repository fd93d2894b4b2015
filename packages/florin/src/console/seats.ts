import type { Executor, Statement } from '../db/index.ts';

/** What an account pays for by the head, and who uses it. */
export type Seats = {
  /** Of its live subscriptions to per-seat prices, together. */
  readonly bought: number;
  /** Members who may use credits: viewers take no seat. */
  readonly members: number;
};

const READ: Statement = {
  name: 'console_seats',
  text: 'select account_id, seats as bought, members from billing.read_seats($1, $2)',
};

/**
 * Seats beside members, by account: of one, or of all that have a live subscription to one of these prices, named
 * by id or lookup_key. Florin compares and never acts on it. Writes nothing.
 */
export async function readSeats(
  db: Executor,
  { prices, accountId }: { prices: readonly string[]; accountId?: string },
): Promise<(Seats & { readonly accountId: string })[]> {
  return prices.length === 0 ? [] : db.query(READ, [prices, accountId ?? null]);
}
