import { useCallback, useState } from 'react';
import type { AdminAccount } from '../../src/contract/index.ts';
import { MembersTable, useLoaded } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { formatCredits, formatInstant } from '../frame/format.ts';
import { LoadFailed, Notice } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';
import { ChangeForm } from './change-form.tsx';
import { EventTable } from './event-timeline.tsx';
import { GrantTable, HoldTable } from './grant-table.tsx';
import { LedgerTable } from './ledger-table.tsx';
import { TopUpView } from './top-up-view.tsx';
import { UsageView } from './usage-view.tsx';

/** "Why does he have 37?": an account's balance, grants, holds, entries and events, with their lineage. */
export function AccountView({ api, accountId }: { api: AdminApi; accountId: string }) {
  const account = useLoaded(useCallback(() => api.account(accountId), [api, accountId]));
  const events = useLoaded(useCallback(() => api.events({ account: accountId }), [api, accountId]));
  // Pointing at a grant marks what it paid for, and the other way round.
  const [grantId, setGrantId] = useState<string | null>(null);

  if (account.data === null) {
    return account.status === 'error' ? (
      <LoadFailed what="The account" error={account.error} retry={account.reload} />
    ) : (
      <div className="part" role="status">
        <span className="visually-hidden">Loading the account</span>
        <span className="skeleton" />
      </div>
    );
  }
  const { grants, holds } = account.data;
  return (
    <article className="account-view" aria-labelledby="account-title">
      <AccountHead account={account.data} reload={account.reload} />
      {account.data.closedAt === null ? (
        <section className="part" aria-labelledby="change-title">
          <h3 id="change-title">By hand</h3>
          <ChangeForm api={api} account={account.data} onDone={account.reload} />
        </section>
      ) : null}
      <section className="part" aria-labelledby="grants-title">
        <h3 id="grants-title">Grants</h3>
        <GrantTable grants={grants} marked={grantId} onMark={setGrantId} />
      </section>
      {holds.length === 0 ? null : (
        <section className="part" aria-labelledby="holds-title">
          <h3 id="holds-title">Holds</h3>
          <HoldTable holds={holds} />
        </section>
      )}
      <section className="part" aria-labelledby="members-title">
        <h3 id="members-title">Members</h3>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
        <section className="members-scroll" tabIndex={0} aria-label="Members, as a table">
          <MembersTable
            className="members-table"
            accountId={accountId}
            ownRole="owner"
            empty={<p className="soft">This is the account of one user.</p>}
          />
        </section>
      </section>
      <TopUpView topUp={account.data.topUp} />
      <UsageView api={api} accountId={accountId} />
      <section className="part" aria-labelledby="ledger-title">
        <h3 id="ledger-title">Ledger</h3>
        <LedgerTable
          first={account.data}
          more={(cursor) => api.account(accountId, cursor)}
          marked={grantId}
          onMark={setGrantId}
        />
      </section>
      <section className="part" aria-labelledby="account-events-title">
        <h3 id="account-events-title">Events</h3>
        {events.data === null || events.data.events.length === 0 ? (
          <p className="soft">
            {events.status === 'loading' ? 'Loading…' : 'No event names this account.'}
          </p>
        ) : (
          <EventTable events={events.data.events} openId={null} />
        )}
      </section>
    </article>
  );
}

function AccountHead({ account, reload }: { account: AdminAccount; reload: () => void }) {
  const { balance } = account;
  return (
    <>
      <div className="part-head">
        <div>
          <h2 id="account-title">{account.email ?? 'Account'}</h2>
          <p className="mono soft">
            {account.accountId}
            {account.customerId === null ? '' : ` · ${account.customerId}`}
          </p>
        </div>
        <Button slim onClick={reload}>
          Refresh
        </Button>
      </div>
      {account.closedAt === null ? null : (
        <Notice tone="warn" title={`Closed ${formatInstant(account.closedAt)}`}>
          Its ledger is kept and takes no more entries.
        </Notice>
      )}
      {account.seats === null ? null : <SeatLine {...account.seats} />}
      {Number(balance.posted) < 0 ? (
        <Notice tone="warn" title={`In debt by ${formatCredits(-balance.posted)}`}>
          Money went back after its credits were used. The next grant settles it first.
        </Notice>
      ) : null}
      <dl className="vitals">
        <div>
          <dt>Posted</dt>
          <dd>{formatCredits(balance.posted)}</dd>
        </div>
        <div>
          <dt>Held</dt>
          <dd>{formatCredits(balance.held)}</dd>
        </div>
        <div>
          <dt>Available</dt>
          <dd>{formatCredits(balance.available)}</dd>
        </div>
        <div>
          <dt>Next expiry</dt>
          <dd>{balance.nextExpiryAt === null ? 'None' : formatInstant(balance.nextExpiryAt)}</dd>
        </div>
      </dl>
    </>
  );
}

/** Compared, and never acted on by itself. */
function SeatLine({ bought, members }: NonNullable<AdminAccount['seats']>) {
  const text = `${bought} ${bought === 1 ? 'seat' : 'seats'}, ${members} ${members === 1 ? 'member' : 'members'}`;
  return members > bought ? (
    <Notice tone="warn" title={text}>
      More members use the account than it pays for. Nobody is refused for it.
    </Notice>
  ) : (
    <p className="soft">{text}</p>
  );
}
