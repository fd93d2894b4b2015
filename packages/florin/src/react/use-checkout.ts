import { useEffect, useState } from 'react';
import type { CheckoutInput } from '../browser/index.ts';
import { useFlorin } from './provider.tsx';

type CheckoutProgress = {
  readonly state: 'idle' | 'starting' | 'leaving' | 'error';
  /** The price that was clicked, while it is not idle. */
  readonly priceId: string | null;
  readonly error: unknown;
};

const IDLE: CheckoutProgress = { state: 'idle', priceId: null, error: null };

/**
 * `start` creates a checkout and sends the browser there (or calls `open`). Becomes idle again when
 * the back button restores the page.
 */
export function useCheckout(
  options: { open?: (url: string) => void } = {},
): CheckoutProgress & { start(input: CheckoutInput): Promise<void>; reset(): void } {
  const client = useFlorin();
  const [progress, setProgress] = useState(IDLE);
  const open = options.open ?? ((url: string) => window.location.assign(url));

  useEffect(() => {
    const onShow = (event: PageTransitionEvent) => event.persisted && setProgress(IDLE);
    window.addEventListener('pageshow', onShow);
    return () => window.removeEventListener('pageshow', onShow);
  }, []);

  return {
    ...progress,
    async start(input) {
      const priceId = input.priceId ?? null;
      setProgress({ state: 'starting', priceId, error: null });
      try {
        const { url } = await client.checkout(input);
        setProgress({ state: 'leaving', priceId, error: null });
        open(url);
      } catch (error) {
        setProgress({ state: 'error', priceId, error });
      }
    },
    reset: () => setProgress(IDLE),
  };
}
