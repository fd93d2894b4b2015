import { useCallback, useEffect, useRef, useState } from 'react';
import { FlorinClientError } from '../../src/browser/index.ts';
import {
  useAccounts,
  useBalance,
  useChosenAccount,
  useFlorin,
  useLoaded,
  usePlans,
  useTransactions,
} from '../../src/react/index.ts';
import { Notice } from '../frame/notice.tsx';
import { useSession, useSite } from '../session/context.tsx';
import { SignInForm } from '../session/sign-in-form.tsx';
import { BalanceNotice } from './balance-notice.tsx';
import { BalanceStatement } from './balance-statement.tsx';
import { ExpiryList } from './expiry-list.tsx';
import { History } from './history.tsx';
import { MembersPart } from './members-part.tsx';
import { PlanPart } from './plan-part.tsx';
import { ReturnNotice } from './return-notice.tsx';
import { ScanDemo } from './scan-demo.tsx';
import { TopUpPart } from './top-up-part.tsx';
import { loadUsage } from './usage-days.ts';
import { UsagePart } from './usage-part.tsx';

/** `/index.html`; `?success=true&session_id=…&plan=…` on the return from checkout. */
export function AccountPage() {
  const session = useSession();
  return (
    <main id="content" className="column">
      {session === null ? <SignedOut /> : <SignedIn key={session.user.id} />}
    </main>
  );
}

function SignedOut() {
  const returning = new URLSearchParams(window.location.search).get('success') === 'true';
  return (
    <div className="signed-out">
      <div>
        <h1>Your credits, to the last one.</h1>
        <p className="lead">
          {returning
            ? 'You come back from the checkout. Sign in to see your payment and your credits.'
            : 'Sign in to see your balance, what expires when, and what every credit was used for.'}
        </p>
      </div>
      <section aria-labelledby="sign-in-here">
        <h2 id="sign-in-here" className="visually-hidden">
          Sign in
        </h2>
        <SignInForm />
      </section>
    </div>
  );
}

/** The account that is chosen; a user who is no longer a member of it is back at their own. */
function SignedIn() {
  const { accountId, choose } = useChosenAccount();
  const { error } = useBalance();
  const [lost, setLost] = useState(false);
  const isLost = accountId !== null && codeOf(error) === 'not_a_member';
  useEffect(() => {
    if (isLost) {
      setLost(true);
      choose(null);
    }
  }, [isLost, choose]);
  return (
    <>
      {lost && accountId === null ? (
        <Notice tone="warn" title="You are no longer a member of that account.">
          This is your own account.
        </Notice>
      ) : null}
      <Account key={accountId} />
    </>
  );
}

function codeOf(error: unknown): string | null {
  return error instanceof FlorinClientError ? error.code : null;
}

function Account() {
  const client = useFlorin();
  const { config } = useSite();
  const { balance, error, reload } = useBalance();
  const transactions = useTransactions();
  const plans = usePlans();
  const report = useLoaded(useCallback(() => client.balance(), [client]));
  const usage = useLoaded(useCallback(() => loadUsage(client.usage), [client]));
  const { current } = useAccounts();
  const { accountId } = useChosenAccount();
  const owns = accountId === null || current?.role === 'owner';
  const refresh = useRefresh([report.reload, usage.reload, transactions.reload]);

  // The live balance says that something happened; what it was is read anew.
  const version = balance === null ? null : `${balance.posted} ${balance.held}`;
  const seen = useRef<string | null>(null);
  useEffect(() => {
    if (seen.current !== null && version !== null && seen.current !== version) {
      refresh();
    }
    seen.current = version ?? seen.current;
  }, [version, refresh]);

  return (
    <>
      <h1 className="visually-hidden">Your account</h1>
      <ReturnNotice onSettled={refresh} version={version} />
      <BalanceNotice balance={balance} />
      <div className="account">
        <BalanceStatement
          balance={balance ?? report.data}
          error={error}
          retry={reload}
          buys={owns}
        />
        <ExpiryList report={report} />
        <PlanPart version={version} onChanged={refresh} readOnly={!owns} />
        <UsagePart usage={usage} wide={!config.development} />
        {config.development ? <ScanDemo onScanned={refresh} /> : null}
        {owns ? <TopUpPart version={version} /> : null}
        <MembersPart version={version} />
        <History
          transactions={transactions}
          grants={report.data?.grants ?? null}
          plans={plans.data ?? []}
        />
      </div>
    </>
  );
}

/** One function that does them all, and stays the same function. */
function useRefresh(reloads: readonly (() => void)[]): () => void {
  const latest = useRef(reloads);
  latest.current = reloads;
  return useCallback(() => {
    for (const reload of latest.current) {
      reload();
    }
  }, []);
}
