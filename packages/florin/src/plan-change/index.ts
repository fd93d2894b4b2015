export { changePlan, type PlanChanged } from './change.ts';
export { type Confirmations, createConfirmations } from './confirmation.ts';
export type { PlanChangeDeps } from './deps.ts';
export { type PlanChangePreview, previewPlanChange } from './preview.ts';
export { type CurrentPlan, listCurrentPlans } from './subscription.ts';
export type { PlanChangeRequest } from './target.ts';
