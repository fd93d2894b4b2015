import { z } from 'zod';
import { isUuid } from '../kernel/index.ts';

/** What each of an operator's routes may answer with. */
export const OPERATOR_PROBLEMS = { 401: 'Not signed in', 403: 'Not an operator' };

/** A uuid as it was typed, with what to say of anything else. */
export const uuidText = (error: string) => z.string().refine(isUuid, { error });
