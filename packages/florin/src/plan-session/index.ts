export { createPlanCookie, type PlanCookie } from './cookie.ts';
export { createSignedTokens, type SignedTokens } from './signed-token.ts';
export {
  createPlanSessions,
  PLAN_SESSION_SECONDS,
  type PlanChoice,
  type PlanSession,
  type PlanSessions,
} from './token.ts';
