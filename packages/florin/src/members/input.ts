import { z } from 'zod';
import { memberRole, uuid } from '../kernel/index.ts';

const account = z.object({ accountId: uuid });
const ofUser = account.extend({ userId: uuid });
const by = uuid.optional();

/** What each function takes. What fields alone cannot say, SQL refuses. */
export const REQUESTS = {
  ofUser,
  set: ofUser.extend({ role: memberRole, by }),
  remove: ofUser.extend({ by }),
  accounts: z.object({ userId: uuid, after: uuid.optional() }),
  members: account.extend({
    after: uuid.optional(),
    limit: z.int({ error: 'must be a whole number' }).min(1).max(1000).default(100),
  }),
} as const;
