import { useRef } from 'react';
import type { Balance } from '../../src/browser/index.ts';
import { Button } from '../frame/button.tsx';
import { formatCredits } from '../frame/format.ts';
import { sentence } from '../frame/notice.tsx';
import { useBillingPage } from './to-billing.tsx';

/** The balance as an account states it: posted, less what is held, and the sum under a double rule. */
export function BalanceStatement(props: {
  balance: Balance | null;
  error: unknown;
  retry: () => void;
  /** Whether this user buys for the account: its owner. */
  buys: boolean;
}) {
  const { balance, error, retry, buys } = props;
  return (
    <section className="part balance-part" aria-labelledby="balance-title">
      <h2 id="balance-title">Balance</h2>
      {balance === null && error !== null ? (
        <div role="alert">
          <p>The balance could not be loaded. {sentence(error)}</p>
          <Button onClick={retry}>Try again</Button>
        </div>
      ) : (
        <Statement balance={balance} />
      )}
      {balance !== null && error !== null ? (
        <p className="soft small" role="status">
          Not live at the moment; this is the balance as last seen.
        </p>
      ) : null}
      {buys ? <Actions /> : null}
    </section>
  );
}

function Statement({ balance }: { balance: Balance | null }) {
  const first = useRef<Balance['available'] | null>(null);
  first.current ??= balance?.available ?? null;
  const changed = balance !== null && balance.available !== first.current;
  if (balance === null) {
    return (
      <div className="statement" role="status">
        <span className="visually-hidden">Loading the balance</span>
        <span className="skeleton" />
        <div className="sum">
          <span className="skeleton" />
        </div>
      </div>
    );
  }
  return (
    <dl className="statement">
      <div>
        <dt>Posted</dt>
        <dd>{formatCredits(balance.posted)}</dd>
      </div>
      <div>
        <dt>Held for running jobs</dt>
        <dd>{balance.held === 0 ? '0' : formatCredits(-balance.held)}</dd>
      </div>
      <div className="sum">
        <dt>Credits available</dt>
        <dd data-testid="available" aria-live="polite" aria-atomic="true">
          <span key={balance.available} className={changed ? 'changed' : undefined}>
            {formatCredits(balance.available)}
          </span>
        </dd>
      </div>
    </dl>
  );
}

function Actions() {
  const { busy, open, problem } = useBillingPage();
  return (
    <>
      <div className="actions">
        <a className="button primary" href="/pricing.html">
          Buy credits
        </a>
        <Button busy={busy} onClick={open}>
          Billing and invoices
        </Button>
      </div>
      {problem}
    </>
  );
}
