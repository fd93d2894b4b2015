import type { Executor } from '../../src/db/index.ts';
import { createSpender, type Spend, type Written } from '../../src/ledger/index.ts';

/** A spend that shares no call with others: each has a spender of its own. */
export function spend(db: Executor, request: Spend): Promise<Written> {
  return createSpender(db).spend(request);
}
