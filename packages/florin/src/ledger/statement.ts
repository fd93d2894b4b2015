import type { Executor } from '../db/index.ts';
import { cutPage, FlorinError } from '../kernel/index.ts';
import { type BalanceItem, explainBalance, readBalance } from './balance.ts';
import { type Entry, listAllocations, listEntries } from './entries.ts';
import { type Grant, listGrants } from './grant.ts';
import type { Balance, Metadata } from './written.ts';

const PAGE = 50;

/** A grant that still has credits. */
export type LiveGrant = {
  readonly grantId: string;
  readonly source: string;
  readonly reason: string | null;
  readonly planType: string | null;
  readonly amount: number;
  readonly remaining: number;
  readonly effectiveAt: Date;
  readonly expiresAt: Date | null;
};

/** An entry with the grants that paid for it, and what its metadata says for people. */
export type StatementEntry = Omit<Entry, 'metadata'> & {
  readonly reason: string | null;
  readonly planType: string | null;
  /** Stripe's event that brought it: entries of one event belong together; null: none did. */
  readonly eventId: string | null;
  /** Who made it by hand: an operator's account, `server`, or the name of whoever ran the command. */
  readonly madeBy: string | null;
  /** What operators noted for each other. */
  readonly internalNote: string | null;
  /** Without a grant: debt. */
  readonly allocations: readonly {
    readonly grantId: string | null;
    readonly amount: number;
    readonly reason: string | null;
  }[];
};

export type StatementPage = {
  /** Newest first. */
  readonly entries: readonly StatementEntry[];
  /** All of the account's, whatever the page. */
  readonly grants: readonly Grant[];
  /** The entry number to ask for the next page with; null on the last one. */
  readonly nextCursor: string | null;
};

/** The balance in this instant with the grants behind it, soonest expiry first. Writes nothing. */
export async function readBalanceReport(
  db: Executor,
  accountId: string,
): Promise<
  Balance & { readonly nextExpiryAt: Date | null; readonly grants: readonly LiveGrant[] }
> {
  const [now, items] = await Promise.all([
    readBalance(db, accountId),
    explainBalance(db, accountId),
  ]);
  return { ...now, grants: items.filter(isLive).sort(bySoonestExpiry).map(toLiveGrant) };
}

/**
 * A page of the account's entries, newest first, with the grants that paid for each; `before` is the
 * entry number that the last page ended with. Writes nothing.
 */
export async function readStatement(
  db: Executor,
  page: { accountId: string; before?: number | undefined },
): Promise<StatementPage> {
  const { accountId, before } = page;
  const grants = await listGrants(db, accountId);
  const found = await listEntries(db, {
    accountId,
    limit: PAGE + 1,
    ...(before === undefined ? {} : { before }),
  });
  const { rows: entries, next } = cutPage(found, PAGE);
  const last = entries.at(-1);
  const allocations =
    last === undefined
      ? []
      : await listAllocations(db, { accountId, from: last.entryNo, to: entries[0]?.entryNo ?? 0 });
  const reasons = new Map(grants.map((grant) => [grant.grantId, textOf(grant.metadata, 'reason')]));
  const paidBy = (entry: Entry) =>
    allocations
      .filter(({ entryNo }) => entryNo === entry.entryNo)
      .map(({ grantId, amount }) => ({
        grantId,
        amount,
        reason: grantId === null ? null : (reasons.get(grantId) ?? null),
      }));
  return {
    grants,
    entries: entries.map((entry) => toStatementEntry(entry, paidBy(entry))),
    nextCursor: next === undefined ? null : String(next.entryNo),
  };
}

/** A text of an entry's or a grant's metadata; null where there is none. */
export function textOf(metadata: Metadata | null, key: string): string | null {
  const value = metadata?.[key];
  return typeof value === 'string' ? value : null;
}

function toStatementEntry(
  { metadata, ...entry }: Entry,
  allocations: StatementEntry['allocations'],
): StatementEntry {
  return {
    ...entry,
    reason: textOf(metadata, 'reason'),
    planType: textOf(metadata, 'plan_type'),
    eventId: textOf(metadata, 'stripe_event_id'),
    madeBy: textOf(metadata, 'actor'),
    internalNote: textOf(metadata, 'internal_note'),
    allocations,
  };
}

function isLive({ item, contributes }: BalanceItem): boolean {
  return item === 'grant' && contributes > 0;
}

function bySoonestExpiry(a: BalanceItem, b: BalanceItem): number {
  const at = ({ expiresAt }: BalanceItem) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
  return at(a) === at(b) ? 0 : at(a) - at(b);
}

function toLiveGrant(item: BalanceItem): LiveGrant {
  const { grantId, source, issuedAt } = item;
  if (grantId === null || source === null || issuedAt === null) {
    throw new FlorinError('internal', 'A grant of the balance lacks its id, source or time.');
  }
  return {
    grantId,
    source,
    reason: textOf(item.metadata, 'reason'),
    planType: textOf(item.metadata, 'plan_type'),
    amount: item.amount,
    remaining: item.contributes,
    effectiveAt: issuedAt,
    expiresAt: item.expiresAt,
  };
}
