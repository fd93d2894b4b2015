import type { Executor } from '../db/index.ts';
import type { MemberRole } from '../kernel/index.ts';
import { type ChangeOfMember, listAccounts, readRole, removeMember, setMember } from './members.ts';
import { listMembers, type MemberPage } from './use.ts';

/**
 * Who may do what with an account that several users share. Where `by` is given, that user's role must allow the
 * change: without it the app answers for it. See docs/teams.md.
 */
export type Members = {
  /** Adds a member, or gives one another role. See {@link setMember}. */
  set(change: ChangeOfMember & { readonly role: MemberRole }): Promise<void>;
  /** Removes a member; false when there was none. See {@link removeMember}. */
  remove(change: ChangeOfMember): Promise<boolean>;
  /** What a user is in an account in this instant; undefined: not a member. */
  role(of: { accountId: string; userId: string }): Promise<MemberRole | undefined>;
  /** A page of the members, with what each used in this month and their limits. See {@link listMembers}. */
  list(asked: { accountId: string; after?: string; limit?: number }): Promise<MemberPage>;
  /** The accounts of a user, their own first. See {@link listAccounts}. */
  accounts(asked: { userId: string; after?: string }): ReturnType<typeof listAccounts>;
};

export function createMembers(db: Executor): Members {
  return {
    set: (change) => setMember(db, change),
    remove: (change) => removeMember(db, change),
    role: (of) => readRole(db, of),
    list: (asked) => listMembers(db, asked),
    accounts: (asked) => listAccounts(db, asked),
  };
}
