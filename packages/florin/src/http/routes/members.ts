import { MEMBERS } from '../../contract/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import {
  listAccounts,
  listMembers,
  readMember,
  removeMember,
  setMember,
} from '../../members/index.ts';
import { needRole } from '../acting.ts';
import { readJson, readQuery, uuidOf } from '../body.ts';
import type { Manager } from '../callers.ts';
import { noContent } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds who may do what with an account that several users share. */
export function addMembers(app: App, parts: Parts): void {
  const { callers, db, feed, logger, webhooks } = parts;

  addRoute(app, MEMBERS.mine, async (c) => {
    const { userId } = await callers.buyer(c, MEMBERS.mine);
    const { cursor } = readQuery(c, MEMBERS.mine.query);
    return listAccounts(db, { userId, after: cursor });
  });

  addRoute(app, MEMBERS.list, async (c) => {
    const { accountId } = await callers.manager(c, MEMBERS.list);
    const { cursor, limit } = readQuery(c, MEMBERS.list.query);
    return listMembers(db, { accountId, after: cursor, limit });
  });

  addRoute(app, MEMBERS.read, async (c) => {
    const manager = await callers.manager(c, MEMBERS.read);
    const userId = uuidOf(c, 'userId');
    refuseOthers(manager, userId);
    return found(await readMember(db, { accountId: manager.accountId, userId }));
  });

  addRoute(app, MEMBERS.set, async (c) => {
    const { accountId, userId: by } = await callers.manager(c, MEMBERS.set);
    const { role } = await readJson(c, MEMBERS.set.body);
    const userId = uuidOf(c, 'userId');
    await setMember(db, { accountId, userId, role, by });
    logger.info({ accountId, userId, role, by: by ?? 'service' }, 'a member has a role');
    tell(accountId);
    return found(await readMember(db, { accountId, userId }));
  });

  addRoute(app, MEMBERS.remove, async (c) => {
    const manager = await callers.manager(c, MEMBERS.remove);
    const { accountId, userId: by } = manager;
    const userId = uuidOf(c, 'userId');
    refuseOthers(manager, userId);
    found((await removeMember(db, { accountId, userId, by })) || undefined);
    logger.info({ accountId, userId, by: by ?? 'service' }, 'a member was removed');
    tell(accountId);
    return noContent();
  });

  /** Every process then looks at who still reads the account's live balance. */
  function tell(accountId: string): void {
    feed.changed(accountId);
    webhooks.announce?.(accountId);
  }
}

/** Below admin a user has no business with others. */
function refuseOthers({ userId, role }: Manager, whom: string): void {
  if (userId !== undefined && userId !== whom) {
    needRole(role, 'admin');
  }
}

function found<T>(member: T | undefined): T {
  if (member === undefined) {
    throw new FlorinError('not_found', 'The account has no such member.');
  }
  return member;
}
