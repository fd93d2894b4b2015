import type { Executor, Statement } from '../db/index.ts';
import { check, cutPage, type MemberRole } from '../kernel/index.ts';
import { REQUESTS } from './input.ts';

type OfUser = { readonly accountId: string; readonly userId: string };

export type ChangeOfMember = OfUser & {
  /** The user on whose behalf it happens: their role must allow it. Absent: the app itself. */
  readonly by?: string | undefined;
};

const ROLE: Statement = {
  name: 'members_role',
  text: 'select credits.role_of($1, $2)::text as role',
};

/**
 * What the user is in the account in this instant; undefined when they are no member. Everybody is the owner of
 * the account with their own id. Throws `invalid_input`.
 */
export async function readRole(db: Executor, of: OfUser): Promise<MemberRole | undefined> {
  const { accountId, userId } = check(REQUESTS.ofUser, of);
  const [row] = await db.query<{ role: MemberRole | null }>(ROLE, [accountId, userId]);
  return row?.role ?? undefined;
}

const STILL: Statement = {
  name: 'members_still',
  text: `select credits.role_of(u.account_id, u.user_id) is not null as still
           from unnest($1::uuid[], $2::uuid[]) with ordinality as u (account_id, user_id, n)
          order by u.n`,
};

/** Whether each of these users is a member of the account beside them, in this instant and in their order. */
export async function stillMembers(db: Executor, of: readonly OfUser[]): Promise<boolean[]> {
  const rows = await db.query<{ still: boolean }>(STILL, [
    of.map(({ accountId }) => accountId),
    of.map(({ userId }) => userId),
  ]);
  return rows.map(({ still }) => still);
}

const SET: Statement = {
  name: 'members_set',
  text: 'select credits.set_member($1, $2, $3, $4)',
};

/**
 * Adds a member, or gives one another role. Makes a new account. Repeatable. Throws `not_a_member` and
 * `role_too_low` for the user who acts, `last_owner` for the only owner, `invalid_input` also where the app keeps the members.
 */
export async function setMember(
  db: Executor,
  change: ChangeOfMember & { readonly role: MemberRole },
): Promise<void> {
  const { accountId, userId, role, by } = check(REQUESTS.set, change);
  await db.query(SET, [accountId, userId, role, by ?? null]);
}

const REMOVE: Statement = {
  name: 'members_remove',
  text: 'select credits.remove_member($1, $2, $3) as removed',
};

/**
 * Removes a member; false when there was none. They read and spend nothing from then on; what they used stays in the
 * ledger. Repeatable. Throws as {@link setMember} does.
 */
export async function removeMember(db: Executor, change: ChangeOfMember): Promise<boolean> {
  const { accountId, userId, by } = check(REQUESTS.remove, change);
  const [row] = await db.query<{ removed: boolean }>(REMOVE, [accountId, userId, by ?? null]);
  return row?.removed === true;
}

const PAGE = 100;
const ACCOUNTS: Statement = {
  name: 'members_accounts',
  text: 'select account_id, role::text as role from credits.accounts_of($1, $2, $3)',
};

/**
 * The accounts of a user, their own first and the others by id: a page of 100, `after` the account that the last page
 * ended with. `nextCursor` is null on the last page. Throws `invalid_input`.
 */
export async function listAccounts(
  db: Executor,
  asked: { readonly userId: string; readonly after?: string | undefined },
): Promise<{
  readonly accounts: readonly { readonly accountId: string; readonly role: MemberRole }[];
  readonly nextCursor: string | null;
}> {
  const { userId, after } = check(REQUESTS.accounts, asked);
  const found = await db.query<{ accountId: string; role: MemberRole }>(ACCOUNTS, [
    userId,
    after ?? null,
    PAGE + 1,
  ]);
  const { rows: accounts, next } = cutPage(found, PAGE);
  return { accounts, nextCursor: next?.accountId ?? null };
}
