import { z } from 'zod';
import { type Clock, FlorinError, type IdSource } from '../kernel/index.ts';
import { createSignedTokens, type TokenFault } from './signed-token.ts';

/** The plan that somebody chose, before anyone knows who they are. */
export type PlanChoice = {
  /** The price's id in the catalogue. */
  readonly priceId: string;
  /** The shop's own notes, which travel on into the checkout. */
  readonly metadata: Readonly<Record<string, string>>;
};

/** A choice as a token carries it. */
export type PlanSession = PlanChoice & {
  /** What a checkout uses up, once. */
  readonly nonce: string;
  readonly expiresAt: Date;
};

export type PlanSessions = {
  /** Signs a choice for {@link PLAN_SESSION_SECONDS}. Throws `plan_session_invalid` when it is too large. */
  issue(choice: PlanChoice): Promise<{ token: string; session: PlanSession }>;
  /** Reads a token of ours. Throws `plan_session_invalid` for anything else, whatever is wrong with it. */
  read(token: string): Promise<PlanSession>;
};

export const PLAN_SESSION_SECONDS = 15 * 60;

/** A browser keeps cookies of up to 4,096 bytes, name and attributes included. */
const MAX_TOKEN = 3_800;

const claims = z.strictObject({
  price: z.string().min(1),
  meta: z.record(z.string(), z.string()).default({}),
});

const FAULTS: Readonly<Record<TokenFault, string>> = {
  malformed: 'This is not a plan session.',
  foreign: 'This is not a plan session of this service.',
  expired: 'The plan session has expired. Choose the plan again.',
  too_large: 'The plan session would not fit into a cookie: pass less metadata.',
};

/** Tokens that carry the chosen plan over domains. */
export function createPlanSessions(options: {
  secrets: readonly string[];
  clock: Clock;
  ids: IdSource;
}): PlanSessions {
  const tokens = createSignedTokens({
    ...options,
    type: 'florin-plan-session+jwt',
    audience: 'florin:checkout',
    seconds: PLAN_SESSION_SECONDS,
    maxLength: MAX_TOKEN,
    claims,
    refuse: (fault, cause) => new FlorinError('plan_session_invalid', FAULTS[fault], { cause }),
  });
  return {
    async issue({ priceId, metadata }) {
      const { token, nonce, expiresAt } = await tokens.issue({
        price: priceId,
        meta: { ...metadata },
      });
      return { token, session: { priceId, metadata, nonce, expiresAt } };
    },
    async read(token) {
      const { claims: read, nonce, expiresAt } = await tokens.read(token);
      return { priceId: read.price, metadata: read.meta, nonce, expiresAt };
    },
  };
}
