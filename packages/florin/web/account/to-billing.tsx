import { type ReactNode, useState } from 'react';
import { useFlorin } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { sentence } from '../frame/notice.tsx';

/** Goes to Stripe's page, where cards, invoices, open payments and confirmations are. */
export function useBillingPage(): { busy: boolean; open: () => void; problem: ReactNode } {
  const client = useFlorin();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function go() {
    setBusy(true);
    setError(null);
    try {
      window.location.assign((await client.portal()).url);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return {
    busy,
    open: () => void go(),
    problem:
      error === null ? null : (
        <p className="form-error small" role="alert">
          {sentence(error)}
        </p>
      ),
  };
}

/** The way there where a plan cannot be changed on this page. */
export function ToBilling() {
  const { busy, open, problem } = useBillingPage();
  return (
    <div>
      <Button busy={busy} onClick={open}>
        Open the billing page
      </Button>
      {problem}
    </div>
  );
}
