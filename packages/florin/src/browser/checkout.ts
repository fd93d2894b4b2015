import type { CheckoutBody, CheckoutSession } from '../contract/index.ts';
import { FlorinClientError } from './error.ts';
import type { Host } from './host.ts';
import { json, type Send } from './request.ts';

export type CheckoutInput = {
  readonly quantity?: number;
  /** String values, for your own records; the service sets a limit. */
  readonly metadata?: Readonly<Record<string, string>>;
} & (
  | { readonly priceId: string; readonly planSession?: string | null }
  | { readonly planSession: string; readonly priceId?: undefined }
);

/** How long a finished call still answers a repeated click, while the browser leaves the page. */
const LEAVING_MS = 10_000;

/**
 * Starts a checkout and returns where to send the buyer. Repeated calls with the same input share
 * one request until it fails, ten seconds pass or the back button brings the page back; the service
 * holds the same promise across tabs.
 */
export function createCheckout(host: Host, send: Send) {
  const running = new Map<string, Promise<CheckoutSession>>();
  host.on('restored', () => running.clear());

  return function checkout(input: CheckoutInput): Promise<CheckoutSession> {
    const { planSession, ...rest } = input;
    const body: CheckoutBody = planSession == null ? rest : { ...rest, planSession };
    const key = JSON.stringify(body);
    const first = running.get(key);
    if (first !== undefined) {
      return first;
    }
    const started = create(body).then(verified);
    running.set(key, started);
    const forget = () => {
      if (running.get(key) === started) {
        running.delete(key);
      }
    };
    started.then(() => host.after(LEAVING_MS, forget), forget);
    return started;
  };

  async function create(body: CheckoutBody): Promise<CheckoutSession> {
    const call = { path: '/api/create-checkout-session', method: 'POST', cookies: true } as const;
    try {
      return await json(await send({ ...call, body }));
    } catch (error) {
      const { planSession, ...rest } = body;
      const stale = error instanceof FlorinClientError && error.code === 'plan_session_invalid';
      if (!stale || planSession === undefined || rest.priceId === undefined) {
        throw error;
      }
      // The plan session has expired or was used meanwhile; the price alone still says what to buy.
      return json(await send({ ...call, body: rest }));
    }
  }
}

/** Refuses an address that a browser would run as a script instead of opening. */
export function verified<T extends { readonly url: string }>(answer: T): T {
  if (!/^https?:\/\//i.test(answer.url)) {
    throw new FlorinClientError({
      code: 'bad_response',
      message: 'The service answered with an address that cannot be opened.',
    });
  }
  return answer;
}
