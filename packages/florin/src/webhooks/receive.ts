import { verifySignature } from '../stripe/index.ts';
import type { WebhookDeps } from './deps.ts';
import { takeInHand } from './in-hand.ts';
import { type ProcessOutcome, processEvent } from './process.ts';

/** Larger bodies are refused: over HTTP before they are read (`http/body.ts`). Stripe's largest events are far below it. */
export const MAX_BODY_BYTES = 1024 * 1024;

export type WebhookRequest = {
  /** The body's bytes exactly as they came. */
  readonly rawBody: Uint8Array;
  /** The header `Stripe-Signature`. */
  readonly signature: string | undefined;
  readonly secrets: readonly string[];
};

export type ReceiveOutcome =
  /** Stored: Stripe need not send it again, whether it is finished or will be tried again by us. */
  | { readonly kind: 'accepted'; readonly eventId: string; readonly outcome: ProcessOutcome }
  | {
      readonly kind: 'refused';
      readonly code: 'signature_invalid' | 'payload_too_large' | 'invalid_input';
      readonly message: string;
    };

/**
 * Takes one delivery: checks size and signature over the raw bytes, stores the event and processes it
 * at once where possible. Throws `database_unavailable` when it could not be stored, so that Stripe
 * sends it again; nothing is stored for a refused one.
 */
export async function receiveWebhook(
  deps: WebhookDeps,
  request: WebhookRequest,
): Promise<ReceiveOutcome> {
  if (request.rawBody.byteLength > MAX_BODY_BYTES) {
    return refuse('payload_too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  }
  const verified = verifySignature({
    rawBody: request.rawBody,
    header: request.signature,
    secrets: request.secrets,
    now: deps.clock.now(),
  });
  if (!verified.ok) {
    deps.logger.warn({ reason: verified.reason }, 'webhook refused: signature');
    return refuse('signature_invalid', `The signature is not accepted: ${verified.reason}.`);
  }
  const inHand = takeInHand(request.rawBody);
  if (inHand === undefined) {
    deps.logger.warn({}, 'webhook refused: not a Stripe event');
    return refuse(
      'invalid_input',
      'The body is signed and is not a Stripe event, neither a snapshot nor a thin one.',
    );
  }
  const outcome = await processEvent(deps, inHand);
  return { kind: 'accepted', eventId: inHand.event.id, outcome };
}

function refuse(
  code: 'signature_invalid' | 'payload_too_large' | 'invalid_input',
  message: string,
): ReceiveOutcome {
  return { kind: 'refused', code, message };
}
