import { z } from 'zod';
import { uuid } from '../kernel/index.ts';

/** What each function takes. */
export const REQUESTS = { person: z.object({ userId: uuid }) } as const;
