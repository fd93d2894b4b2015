import {
  explainBalance,
  type Grant,
  readStatement,
  type StatementEntry,
  textOf,
} from '../ledger/index.ts';
import { type AccountHit, type Hold, listHolds, showAccount } from './accounts.ts';
import type { ConsoleDeps } from './deps.ts';
import { readSeats, type Seats } from './seats.ts';
import { type AccountTopUps, showTopUps } from './top-ups.ts';

/** A grant with everything that became of its credits. */
export type GrantReport = Omit<Grant, 'metadata'> & {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly reason: string | null;
  readonly planType: string | null;
  /** Spent and reserved. */
  readonly burned: number;
  readonly voided: number;
  /** Who gave it by hand; null for all others. */
  readonly actor: string | null;
  readonly internalNote: string | null;
};

/** An account's ledger with its lineage. */
export type AccountReport = {
  readonly accountId: string;
  readonly customerId: string | null;
  /** As Stripe has it; null where it has none or cannot be asked. */
  readonly email: string | null;
  readonly closedAt: Date | null;
  readonly balance: Pick<AccountHit, 'posted' | 'held' | 'available' | 'nextExpiryAt'>;
  readonly grants: readonly GrantReport[];
  readonly holds: readonly Hold[];
  readonly topUp: AccountTopUps;
  /** Null where it pays for none. */
  readonly seats: Seats | null;
  /** `actor` is who made it by hand, or who used the credits. */
  readonly entries: readonly Omit<StatementEntry, 'madeBy'>[];
  readonly nextCursor: string | null;
};

/** Stripe may keep an operator waiting this long for a customer's address. */
const EMAIL_TIMEOUT_MS = 2_000;

/** Undefined for an account that was never granted anything and never bought. Writes nothing. */
export async function readAccountReport(
  deps: ConsoleDeps,
  { accountId, before }: { accountId: string; before?: number | undefined },
): Promise<AccountReport | undefined> {
  const { db } = deps;
  const account = await showAccount(db, accountId);
  if (account === undefined) {
    return undefined;
  }
  const { customerId, closedAt, posted, held, available, nextExpiryAt } = account;
  const { entries, grants, nextCursor } = await readStatement(db, { accountId, before });
  const [items, holds, email, topUp, [seats]] = await Promise.all([
    explainBalance(db, accountId),
    listHolds(db, accountId),
    emailOf(deps, customerId),
    showTopUps(db, accountId),
    readSeats(db, { prices: deps.perSeat, accountId }),
  ]);
  const explained = new Map(items.map((item) => [item.grantId, item]));
  return {
    accountId,
    customerId,
    email,
    closedAt,
    balance: { posted, held, available, nextExpiryAt },
    grants: grants.map((grant) => {
      const item = explained.get(grant.grantId);
      const burned = (item?.spent ?? 0) + (item?.reserved ?? 0);
      return { ...toReport(grant), burned, voided: item?.voided ?? 0 };
    }),
    holds,
    topUp,
    seats: seats === undefined ? null : { bought: seats.bought, members: seats.members },
    entries: entries.map(({ madeBy, ...entry }) => ({ ...entry, actor: madeBy ?? entry.actor })),
    nextCursor,
  };
}

function toReport(grant: Grant): Omit<GrantReport, 'burned' | 'voided'> {
  return {
    ...grant,
    metadata: grant.metadata ?? {},
    reason: textOf(grant.metadata, 'reason'),
    planType: textOf(grant.metadata, 'plan_type'),
    actor: textOf(grant.metadata, 'actor'),
    internalNote: textOf(grant.metadata, 'internal_note'),
  };
}

/** Only Stripe knows it; an account is shown without it rather than not at all. */
async function emailOf(
  { stripe, logger }: ConsoleDeps,
  customerId: string | null,
): Promise<string | null> {
  if (customerId === null) {
    return null;
  }
  try {
    const customer = await stripe.customers.retrieve(customerId, undefined, {
      timeout: EMAIL_TIMEOUT_MS,
      maxNetworkRetries: 0,
    });
    return customer.deleted ? null : customer.email;
  } catch (error) {
    logger.debug({ customerId, error: String(error) }, "Stripe did not answer a customer's email");
    return null;
  }
}
