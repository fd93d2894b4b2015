import { readEvent, verifySignature } from '../stripe/index.ts';
import type { WebhookDeps } from './deps.ts';
import { type ProcessOutcome, processEvent } from './process.ts';

/** Bodies above this are refused unread; Stripe's largest events are far below it. */
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
 * at once where possible. Raises `database_unavailable` when it could not be stored, so that Stripe
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
  const json = storable(Buffer.from(request.rawBody).toString('utf8'));
  const parsed = parseJson(json);
  const event = parsed === undefined ? undefined : readEvent(parsed);
  if (event === undefined) {
    deps.logger.warn({}, 'webhook refused: not a Stripe event');
    return refuse(
      'invalid_input',
      'The body is signed and is not a Stripe snapshot event (thin events are not supported).',
    );
  }
  const outcome = await processEvent(deps, { event, json });
  return { kind: 'accepted', eventId: event.id, outcome };
}

function refuse(
  code: 'signature_invalid' | 'payload_too_large' | 'invalid_input',
  message: string,
): ReceiveOutcome {
  return { kind: 'refused', code, message };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Postgres' jsonb takes neither NUL nor half a surrogate pair: they become U+FFFD. */
function storable(json: string): string {
  if (!/\\u(0000|d[89a-f])/i.test(json)) {
    return json;
  }
  const parsed = parseJson(json);
  return parsed === undefined
    ? json
    : JSON.stringify(parsed, (_key, value) =>
        typeof value === 'string'
          ? Buffer.from(value.replaceAll('\u0000', '\ufffd')).toString()
          : value,
      );
}
