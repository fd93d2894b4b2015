import type { Executor, Statement } from '../db/index.ts';
import { type Credits, check, cutPage, type MemberRole } from '../kernel/index.ts';
import type { Limit } from '../ledger/index.ts';
import { REQUESTS } from './input.ts';
import { readRole } from './members.ts';

/** A member of an account, with what they used and may use. */
export type Member = {
  readonly userId: string;
  readonly role: MemberRole;
  /** Credits that they used in this month (UTC). */
  readonly used: Credits;
  /** The limits that hold for them, theirs alone or for each actor (`*`), and how they stand for them. */
  readonly limits: readonly Limit[];
};

export type MemberPage = {
  /** By user id. */
  readonly members: readonly Member[];
  /** The user id to ask for the next page with; null on the last one. */
  readonly nextCursor: string | null;
};

type Row = { readonly userId: string; readonly role: MemberRole };

const PAGE: Statement = {
  name: 'members_page',
  text: 'select user_id, role::text as role from credits.members_of($1, $2, $3)',
};

/**
 * The members of an account by user id, `limit` (1 to 1,000, default 100) at a time, `after` the user that the last
 * page ended with. The owner of a personal account is not among them. Writes nothing. Throws `invalid_input`.
 */
export async function listMembers(
  db: Executor,
  asked: {
    readonly accountId: string;
    readonly after?: string | undefined;
    readonly limit?: number | undefined;
  },
): Promise<MemberPage> {
  const { accountId, after, limit } = check(REQUESTS.members, asked);
  const found = await db.query<Row>(PAGE, [accountId, after ?? null, limit + 1]);
  const { rows, next } = cutPage(found, limit);
  return { members: await withUse(db, accountId, rows), nextCursor: next?.userId ?? null };
}

/** One member, or the owner of a personal account; undefined: not a member. Writes nothing. Throws `invalid_input`. */
export async function readMember(
  db: Executor,
  of: { readonly accountId: string; readonly userId: string },
): Promise<Member | undefined> {
  const { accountId, userId } = check(REQUESTS.ofUser, of);
  const role = await readRole(db, { accountId, userId });
  const [member] = role === undefined ? [] : await withUse(db, accountId, [{ userId, role }]);
  return member;
}

const USED: Statement = {
  name: 'members_used',
  text: `select actor, spent from credits.used_by($1, $2,
           date_trunc('month', now() at time zone 'UTC')::date, (now() at time zone 'UTC')::date)`,
};
const LIMITS: Statement = {
  name: 'members_limits',
  text: `select whose, actor, feature, per::text as window, amount as credits, soft, time_zone, used,
                resets_at
           from credits.limits_by_actor($1, $2)`,
};

async function withUse(db: Executor, accountId: string, rows: readonly Row[]): Promise<Member[]> {
  const values = [accountId, rows.map(({ userId }) => userId)];
  const [used, limits] = await Promise.all([
    db.query<{ actor: string; spent: number }>(USED, values),
    db.query<Limit & { whose: string }>(LIMITS, values),
  ]);
  const spent = new Map(used.map((one) => [one.actor, one.spent]));
  return rows.map(({ userId, role }) => ({
    userId,
    role,
    used: spent.get(userId) ?? 0,
    limits: limits.filter(({ whose }) => whose === userId).map(({ whose: _, ...limit }) => limit),
  }));
}
