export { applyCommands } from './apply-event.ts';
export { createCatchUp } from './catch-up.ts';
export { decideWith, type StateRequest } from './decide-with.ts';
export type { WebhookDeps } from './deps.ts';
export { dismissFraudWarning } from './dismiss.ts';
export { type DrainResult, drainInbox, grantDueDrips } from './drain.ts';
export { createEventWriter } from './event-writer.ts';
export { factOf, HANDLERS, type Handler, thinEventTypes, webhookEventTypes } from './handlers.ts';
export { type EventInHand, takeInHand } from './in-hand.ts';
export {
  type EventFilter,
  type EventStatus,
  forgetExpired,
  type InboxEvent,
  listEvents,
  putBack,
  showEvent,
} from './inbox.ts';
export { type PreviewedStates, previewEvent, previewInvoice } from './preview.ts';
export { type ProcessOutcome, processEvent } from './process.ts';
export {
  MAX_BODY_BYTES,
  type ReceiveOutcome,
  receiveWebhook,
  type WebhookRequest,
} from './receive.ts';
export { type ReplayOutcome, replayEvent } from './replay.ts';
export { listUnmatchedReturns, type UnmatchedReturn } from './unmatched-returns.ts';
