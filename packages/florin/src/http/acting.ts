import { z } from 'zod';
import type { Operation } from '../contract/index.ts';
import { FlorinError, isUuid, type MemberRole, memberRole, uuid } from '../kernel/index.ts';
import type { RequestContext } from './context.ts';

const HEADER = 'Florin-Account';
const choice = uuid
  .optional()
  .meta({ description: "The account that this is about; without it the user's own" });
/** How a request chooses an account, in the API's document. */
export const CHOICE = {
  query: z.object({ account: choice }),
  headers: z.object({ [HEADER]: choice }),
};

/** What a user is in an account; undefined: not a member, or no such account. */
export type RoleOf = (of: { accountId: string; userId: string }) => Promise<MemberRole | undefined>;

/** Whose account a request is about: the path's, or the one that the caller chooses; undefined: their own. */
export function chosenAccount(c: RequestContext, operation: Operation): string | undefined {
  const inUrl = hasAccountInPath(operation) ? [c.req.param('id')] : c.req.queries('account');
  const named = [...(inUrl ?? []), c.req.header(HEADER)].filter((one) => one !== undefined);
  const first = named[0]?.toLowerCase();
  if (first === undefined) {
    return undefined;
  }
  if (!isUuid(first)) {
    throw new FlorinError('invalid_input', 'account: must be a uuid.');
  }
  if (named.some((one) => one.toLowerCase() !== first)) {
    throw new FlorinError('invalid_input', 'account: the request names two different ones.');
  }
  return first;
}

export function hasAccountInPath({ path }: Operation): boolean {
  return path.startsWith('/api/accounts/{id}');
}

/** Throws `not_a_member`, or `role_too_low` below what the operation asks for; answers with the user's role. */
export async function checkRole(
  roleOf: RoleOf,
  { accountId, userId }: { accountId: string; userId: string },
  required: MemberRole,
): Promise<MemberRole> {
  // Everybody owns their own account: nobody is asked.
  const role = accountId === userId ? 'owner' : await roleOf({ accountId, userId });
  if (role === undefined) {
    throw new FlorinError('not_a_member', 'You are not a member of this account.');
  }
  needRole(role, required);
  return role;
}

/** Throws `role_too_low`. */
export function needRole(role: MemberRole, required: MemberRole): void {
  if (!isAtLeast(role, required)) {
    throw new FlorinError('role_too_low', `This takes the role ${required}; yours is ${role}.`, {
      details: { role, required },
    });
  }
}

export function isAtLeast(role: MemberRole, required: MemberRole): boolean {
  const roles = memberRole.options;
  return roles.indexOf(role) >= roles.indexOf(required);
}
