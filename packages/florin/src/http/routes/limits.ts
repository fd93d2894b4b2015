import { LIMITS } from '../../contract/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import { listLimits, removeLimit, setLimit } from '../../ledger/index.ts';
import { readJson, readQuery } from '../body.ts';
import type { RequestContext } from '../context.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { uuidOf } from '../server-calls.ts';

/** Adds what an account, its actors and its features may use at most. Setting a limit again changes it. */
export function addLimits(app: App, { callers, db }: Parts): void {
  const limitsOf = async (c: RequestContext) => ({
    limits: await listLimits(db, uuidOf(c, 'id')),
  });

  addRoute(app, LIMITS.list, async (c) => {
    await callers.server(c);
    return limitsOf(c);
  });

  addRoute(app, LIMITS.set, async (c) => {
    await callers.server(c);
    const setting = await readJson(c, LIMITS.set.body);
    await setLimit(db, { accountId: uuidOf(c, 'id'), ...setting });
    return limitsOf(c);
  });

  addRoute(app, LIMITS.remove, async (c) => {
    await callers.server(c);
    const { soft, ...scope } = readQuery(c, LIMITS.remove.query);
    const one = { accountId: uuidOf(c, 'id'), ...scope, soft: soft === 'true' };
    if (!(await removeLimit(db, one))) {
      throw new FlorinError('not_found', 'The account has no such limit.');
    }
    return limitsOf(c);
  });
}
