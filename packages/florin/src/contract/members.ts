import { z } from 'zod';
import { memberRole } from '../kernel/index.ts';
import { accountId, amount, cursor, ofAccount } from './fields.ts';
import { limit } from './limits.ts';
import type { Operations, Shown } from './operation.ts';
import { uuidText } from './operator.ts';

const path = '/api/accounts/{id}/members';
const shared = { tag: 'Members', callers: ['user', 'server'] } as const;
const ofMember = ofAccount.extend({ userId: accountId });
const MAX_PAGE = 100;

const own = z.object({ accountId, role: memberRole });
/** An account that the signed-in user may see; the one with their own id is theirs alone. */
export interface OwnAccount extends Shown<typeof own> {}

const ownPage = z.object({ accounts: z.array(own), nextCursor: cursor });
/** The user's accounts; `nextCursor` is null on the last page. */
export interface OwnAccountPage extends Shown<typeof ownPage> {}

const member = z.object({
  userId: accountId,
  role: memberRole,
  used: amount.meta({ description: 'Credits that they used in this month (UTC)' }),
  limits: z.array(limit).meta({
    description: 'What they may use at most, and how it stands for them; `actor` `*` is for each',
  }),
});
/** A member of an account, with what they used and may use. */
export interface Member extends Shown<typeof member> {}

const page = z.object({ members: z.array(member), nextCursor: cursor });
/** Members by user id; `nextCursor` is null on the last page. */
export interface MemberPage extends Shown<typeof page> {}

const LIMIT = { error: `must be a whole number from 1 to ${MAX_PAGE}` };

/** Where a page of a list that goes by ids begins: behind this one. */
const after = z.object({ cursor: uuidText('is not a cursor of this list').optional() });

const problems = {
  400: 'No such role, or the app keeps the members by itself',
  401: 'Not signed in',
};

export type { MemberRole } from '../kernel/index.ts';

/** Who may do what with an account that several users share. */
export const MEMBERS = {
  mine: {
    method: 'get',
    path: '/api/accounts',
    summary: 'The accounts that the user is a member of, with their role; their own comes first',
    tag: shared.tag,
    callers: ['user'],
    query: after,
    answers: {
      200: {
        description: 'A page of 100, and where the next one begins',
        schema: ownPage,
      },
    },
    problems: { 401: 'Not signed in' },
  },
  list: {
    ...shared,
    method: 'get',
    path,
    summary: 'The members of an account, with their limits and what they used in this month',
    role: 'admin',
    params: ofAccount,
    query: after.extend({
      limit: z.coerce
        .number(LIMIT)
        .int(LIMIT)
        .min(1, LIMIT)
        .max(MAX_PAGE, LIMIT)
        .default(50)
        .meta({ type: 'integer' }),
    }),
    answers: { 200: { description: 'A page, by user id', schema: page } },
    problems: { 401: problems[401] },
  },
  read: {
    ...shared,
    method: 'get',
    path: `${path}/{userId}`,
    summary: 'One member; below `admin` a user may read themselves alone',
    role: 'viewer',
    params: ofMember,
    answers: { 200: { description: 'The member', schema: member } },
    problems: { 401: problems[401], 404: 'Not a member of this account' },
  },
  set: {
    ...shared,
    method: 'put',
    path: `${path}/{userId}`,
    summary: 'Adds a member, or gives one another role; repeatable',
    role: 'admin',
    params: ofMember,
    body: z.strictObject({ role: memberRole }),
    answers: { 200: { description: 'The member', schema: member } },
    problems: { ...problems, 409: 'The account would be left without an owner (`last_owner`)' },
  },
  remove: {
    ...shared,
    method: 'delete',
    path: `${path}/{userId}`,
    summary: 'Removes a member; below `admin` a user may remove themselves alone',
    role: 'viewer',
    params: ofMember,
    answers: { 204: { description: 'Removed; they see nothing from now on' } },
    problems: {
      ...problems,
      404: 'Not a member of this account',
      409: 'The last owner may not leave (`last_owner`)',
    },
  },
} satisfies Operations;
