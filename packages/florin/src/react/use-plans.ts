import { useCallback, useEffect } from 'react';
import type { CurrentPlan, Plan, PlanSession } from '../browser/index.ts';
import { useFlorin } from './provider.tsx';
import { type Loaded, useLoaded } from './use-loaded.ts';

/** What is on sale. */
export function usePlans(): Loaded<readonly Plan[]> {
  const client = useFlorin();
  return useLoaded(useCallback(() => client.plans(), [client]));
}

/** The plans that the signed-in user has. */
export function useSubscriptions(): Loaded<readonly CurrentPlan[]> {
  const client = useFlorin();
  return useLoaded(useCallback(() => client.subscriptions(), [client]));
}

/** The plan that the buyer chose, verified by the service; follows other tabs and the back button. */
export function usePlanSession(): Loaded<PlanSession | null> & {
  remember(priceId: string): Promise<PlanSession | null>;
  forget(): Promise<void>;
} {
  const client = useFlorin();
  const loaded = useLoaded(useCallback(() => client.readPlan(), [client]));
  const { reload } = loaded;
  useEffect(() => client.onPlanChange(reload), [client, reload]);
  return {
    ...loaded,
    async remember(priceId) {
      const session = await client.rememberPlan(priceId);
      reload();
      return session;
    },
    async forget() {
      await client.forgetPlan();
      reload();
    },
  };
}
