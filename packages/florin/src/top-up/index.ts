export {
  type ConsentRequest,
  consentToTopUp,
  type PauseReason,
  readTopUp,
  resumeTopUp,
  saveCard,
  stopTopUp,
  type TopUp,
  type TopUpConsent,
  type TopUpState,
} from './consent.ts';
export type { ChargeDeps, TopUpDeps } from './deps.ts';
export { runTopUps } from './run.ts';
