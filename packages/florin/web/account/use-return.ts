import { useEffect, useRef, useState } from 'react';
import type { CheckoutStatus } from '../../src/browser/index.ts';
import { useFlorin } from '../../src/react/index.ts';

export type Return = {
  /** Null until the service has answered once. */
  readonly status: CheckoutStatus | null;
  readonly error: unknown;
  /** Long enough that something may be wrong; asking goes on. */
  readonly slow: boolean;
};

const QUICK_MS = 1_000;
const QUICK_ROUNDS = 15;
const SLOW_MS = 5_000;
/** A bank transfer takes days, so the page asks rarely. */
const PENDING_MS = 60_000;

/**
 * Asks what became of a checkout until it is final, at once again when `version` (of the balance)
 * changes: a payment that took days may just have arrived. Null when the page is no return.
 */
export function useReturn(onSettled: () => void, version: string | null): Return | null {
  const client = useFlorin();
  const [sessionId] = useState(readSessionId);
  const final = useRef(false);
  const [state, setState] = useState<Return>({ status: null, error: null, slow: false });

  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` asks for another question.
  useEffect(() => {
    if (sessionId === null || final.current) {
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    let rounds = 0;
    const ask = async () => {
      rounds += 1;
      const slow = rounds > QUICK_ROUNDS;
      let wait = slow ? SLOW_MS : QUICK_MS;
      try {
        const status = await client.checkoutStatus(sessionId);
        if (stopped) {
          return;
        }
        setState({ status, error: null, slow });
        if (status.state === 'paid') {
          onSettled();
          // The plan is bought, so the pricing page must not show it as chosen any more.
          client.forgetPlan().catch(() => {});
        }
        if (status.state === 'paid' || status.state === 'failed' || status.state === 'expired') {
          final.current = true;
          return;
        }
        wait = status.state === 'pending' ? PENDING_MS : wait;
      } catch (error) {
        if (stopped) {
          return;
        }
        setState((before) => ({ ...before, error, slow }));
        if (isFinalRefusal(error)) {
          return;
        }
      }
      timer = setTimeout(ask, wait);
    };
    void ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [client, sessionId, onSettled, version]);

  return sessionId === null ? null : state;
}

function readSessionId(): string | null {
  const query = new URLSearchParams(window.location.search);
  return query.get('success') === 'true' ? query.get('session_id') : null;
}

/** True when the checkout is not this person's or does not exist: asking again cannot help. */
function isFinalRefusal(error: unknown): boolean {
  const status = (error as { status?: number }).status;
  return status === 403 || status === 404 || status === 400;
}
