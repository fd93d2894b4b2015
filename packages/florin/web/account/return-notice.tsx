import { type ReactNode, useState } from 'react';
import type { CheckoutStatus } from '../../src/browser/index.ts';
import { Button } from '../frame/button.tsx';
import { credits } from '../frame/format.ts';
import { Notice, sentence } from '../frame/notice.tsx';
import { type Return, useReturn } from './use-return.ts';

/** Says what became of a checkout: no failure before it is final, no success before the credits are there. */
export function ReturnNotice(props: { onSettled: () => void; version: string | null }) {
  const found = useReturn(props.onSettled, props.version);
  const [dismissed, setDismissed] = useState(false);
  if (found === null || dismissed) {
    return null;
  }
  const dismiss = (
    <Button
      slim
      onClick={() => {
        // A reload should show the account, not the purchase once more.
        window.history.replaceState(null, '', window.location.pathname);
        setDismissed(true);
      }}
    >
      Dismiss
    </Button>
  );
  return <Told found={found} dismiss={dismiss} />;
}

const again = (
  <a className="button slim" href="/pricing.html">
    Back to pricing
  </a>
);

function Told({ found, dismiss }: { found: Return; dismiss: ReactNode }) {
  const { status, error, slow } = found;
  if (status === null && error !== null) {
    return (
      <Notice tone="warn" title="We could not look up your payment." actions={dismiss}>
        {sentence(error)} If you paid, your credits will arrive all the same; do not pay twice.
      </Notice>
    );
  }
  switch (status?.state) {
    case 'paid':
      return (
        <Notice tone="good" title={`Payment received. ${arrived(status)}`} actions={dismiss}>
          They are in your balance below. The receipt is under “Billing and invoices”.
        </Notice>
      );
    case 'pending':
      return (
        <Notice tone="plain" title="Payment pending" actions={dismiss}>
          Your bank is on it; a transfer or direct debit can take several days. {willArrive(status)}{' '}
          You need not do anything, and need not pay again.
        </Notice>
      );
    case 'failed':
      return (
        <Notice tone="bad" title="The payment did not go through." actions={again}>
          Nothing was charged and no credits were added. Try again, or with another way to pay.
        </Notice>
      );
    case 'expired':
      return (
        <Notice tone="warn" title="This checkout has expired." actions={again}>
          Nothing was charged. Choose your plan again to start a new one.
        </Notice>
      );
    case 'open':
      return (
        <Notice tone="warn" title="This checkout is not finished." actions={again}>
          Nothing was charged yet. Go back to the payment page, or choose again.
        </Notice>
      );
    default:
      return (
        <Notice title="Confirming your payment…" waiting>
          {slow
            ? 'This takes longer than usual. You may leave this page: your credits arrive by themselves.'
            : 'Your credits arrive in a moment.'}
        </Notice>
      );
  }
}

function arrived({ credits: amount }: CheckoutStatus): string {
  return amount === null ? 'Your credits are here.' : `${credits(amount)} added.`;
}

function willArrive({ credits: amount }: CheckoutStatus): string {
  return amount === null
    ? 'Your credits arrive once the money has.'
    : `Your ${credits(amount)} arrive once the money has.`;
}
