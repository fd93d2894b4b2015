import { LIMITS } from '../../contract/index.ts';
import { FlorinError, isUuid } from '../../kernel/index.ts';
import { listLimits, removeLimit, setLimit } from '../../ledger/index.ts';
import { readJson, readQuery } from '../body.ts';
import type { Manager } from '../callers.ts';
import type { Parts } from '../parts.ts';
import { RequestError } from '../request-error.ts';
import { type App, addRoute } from '../route.ts';

/** Adds what an account, its actors and its features may use at most. Setting a limit again changes it. */
export function addLimits(app: App, { callers, db }: Parts): void {
  const limitsOf = async (accountId: string) => ({ limits: await listLimits(db, accountId) });

  addRoute(app, LIMITS.list, async (c) => {
    const { accountId } = await callers.manager(c, LIMITS.list);
    return limitsOf(accountId);
  });

  addRoute(app, LIMITS.set, async (c) => {
    const manager = await callers.manager(c, LIMITS.set);
    const { accountId } = manager;
    const setting = await readJson(c, LIMITS.set.body);
    refuseLimitsOfTheApp(manager, setting.actor);
    await setLimit(db, { accountId, ...setting });
    return limitsOf(accountId);
  });

  addRoute(app, LIMITS.remove, async (c) => {
    const manager = await callers.manager(c, LIMITS.remove);
    const { accountId } = manager;
    const { soft, ...scope } = readQuery(c, LIMITS.remove.query);
    refuseLimitsOfTheApp(manager, scope.actor);
    const one = { accountId, ...scope, soft: soft === 'true' };
    if (!(await removeLimit(db, one))) {
      throw new FlorinError('not_found', 'The account has no such limit.');
    }
    return limitsOf(accountId);
  });
}

/** Users limit the members of an account that they share. What limits all of it, or their own, is the app's to say. */
function refuseLimitsOfTheApp({ accountId, userId }: Manager, actor: string | undefined): void {
  const isOfMembers = actor === '*' || isUuid(actor);
  if (userId !== undefined && (userId === accountId || !isOfMembers)) {
    throw new RequestError(
      'forbidden',
      'Only limits of members of a shared account are set by its admins: actor is a user id, or * for each.',
      { details: { reason: 'server_only' } },
    );
  }
}
