import { useCallback, useState } from 'react';
import type { CurrentPlan, Plan } from '../../src/browser/index.ts';
import { useFlorin } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { humanize } from '../frame/format.ts';
import { sentence } from '../frame/notice.tsx';
import { nameOf } from '../pricing/plan-facts.ts';

export function titleOf({ planType, quantity }: CurrentPlan, plan: Plan | undefined): string {
  return plan === undefined ? humanize(planType ?? 'subscription') : nameOf(plan, quantity);
}

/** The way to Stripe's page, where cards, open payments and confirmations are. */
export function ToBilling() {
  const client = useFlorin();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const go = useCallback(async () => {
    setBusy(true);
    setError(null);
    try {
      window.location.assign((await client.portal()).url);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }, [client]);
  return (
    <div>
      <Button busy={busy} onClick={() => void go()}>
        Open the billing page
      </Button>
      {error === null ? null : (
        <p className="form-error small" role="alert">
          {sentence(error)}
        </p>
      )}
    </div>
  );
}
