import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { AdminAccountHit, AdminSearch } from '../../src/contract/index.ts';
import { useLoaded } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { formatCredits } from '../frame/format.ts';
import { LoadFailed, Notice } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';
import { EventTable } from './event-timeline.tsx';

/** Finds an account by what an operator has in hand: its id, an email, any id of Stripe's. */
export function AccountSearch({ api, openId }: { api: AdminApi; openId: string | null }) {
  const [query, setQuery] = useState('');

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setQuery(String(new FormData(event.currentTarget).get('query')).trim());
  }

  return (
    <section className="part" aria-labelledby="accounts-title">
      <h2 id="accounts-title">Accounts</h2>
      <search>
        <form className="search" onSubmit={submit}>
          <div className="field">
            <label htmlFor="account-query">Account id, email or any Stripe id</label>
            <input
              id="account-query"
              name="query"
              type="search"
              spellCheck={false}
              autoComplete="off"
              placeholder="pi_…, cs_…, re_…, cus_…, evt_…"
            />
          </div>
          <Button primary type="submit">
            Search
          </Button>
        </form>
      </search>
      {openId !== null && query === '' ? null : <Found key={query} api={api} query={query} />}
    </section>
  );
}

function Found({ api, query }: { api: AdminApi; query: string }) {
  const found = useLoaded(useCallback(() => api.search(query), [api, query]));
  const place = found.data === null ? null : placeOf(query, found.data);
  useEffect(() => {
    if (place !== null) {
      window.location.hash = place;
    }
  }, [place]);

  if (found.data === null) {
    return found.status === 'error' ? (
      <LoadFailed what="The accounts" error={found.error} retry={found.reload} />
    ) : (
      <div role="status">
        <span className="visually-hidden">Searching</span>
        <span className="skeleton" />
      </div>
    );
  }
  const { accounts, events, atStripe, stripeId } = found.data;
  const about = stripeId ?? query;
  // An address names a person, of whom there need not be an event.
  const isMissing = atStripe === 'known' && events.length === 0 && stripeId !== null;
  return (
    <>
      {accounts.length === 0 ? (
        <NoAccount query={about} found={found.data} />
      ) : (
        <>
          {isMissing ? <NotDelivered query={about} /> : null}
          <AccountTable accounts={accounts} />
        </>
      )}
      {events.length === 0 ? null : (
        <section className="found-events" aria-labelledby="found-events-title">
          <h3 id="found-events-title">Events about {about}</h3>
          <EventTable events={events} openId={null} about={about} />
        </section>
      )}
    </>
  );
}

/** Where a search ends by itself: at the one event or the one account that it names. */
function placeOf(query: string, { accounts, events, stripeId }: AdminSearch): string | null {
  const event = events.find(({ eventId }) => eventId === stripeId);
  if (event !== undefined) {
    return `#/events/${encodeURIComponent(event.eventId)}`;
  }
  const [only] = accounts;
  return query !== '' && only !== undefined && accounts.length === 1
    ? `#/accounts/${only.accountId}`
    : null;
}

function NoAccount({ query, found }: { query: string; found: AdminSearch }) {
  const { withoutLedger, events, atStripe } = found;
  if (query === '') {
    return (
      <p className="empty" role="status">
        No accounts yet.
      </p>
    );
  }
  if (withoutLedger.length > 0) {
    return (
      <Notice tone="warn" title={`“${query}” belongs to an account without a ledger.`}>
        Nothing was ever credited to <span className="mono">{withoutLedger.join(', ')}</span>.
      </Notice>
    );
  }
  if (events.length > 0) {
    return (
      <Notice tone="warn" title={`“${query}” belongs to no account yet.`}>
        Its events say what they wait for.
      </Notice>
    );
  }
  return atStripe === 'known' ? (
    <NotDelivered query={query} />
  ) : (
    <p className="empty" role="status">
      {atStripe === 'unknown'
        ? `Neither the inbox nor Stripe knows “${query}”.`
        : `No account matches “${query}”.`}
    </p>
  );
}

function NotDelivered({ query }: { query: string }) {
  return (
    <Notice
      tone="warn"
      title={`Stripe knows “${query}”, and no event about it has come.`}
      actions={
        <a className="button slim" href="#/reconcile">
          Compare with Stripe
        </a>
      }
    >
      The endpoint may have been down, or lacks this type of event.
    </Notice>
  );
}

function AccountTable({ accounts }: { accounts: readonly AdminAccountHit[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="wide" tabIndex={0} aria-label="Accounts found">
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">Account</th>
            <th scope="col">Customer</th>
            <th scope="col" className="end">
              Posted
            </th>
            <th scope="col" className="end">
              Held
            </th>
            <th scope="col" className="end">
              Available
            </th>
          </tr>
        </thead>
        <tbody>
          {accounts.map((account) => (
            <tr key={account.accountId}>
              <th scope="row">
                <a className="mono" href={`#/accounts/${account.accountId}`}>
                  {account.accountId}
                </a>
                {account.email === null ? null : (
                  <span className="block soft">{account.email}</span>
                )}
              </th>
              <td className="mono">{account.customerId ?? '–'}</td>
              <td className="number end">{formatCredits(account.posted)}</td>
              <td className="number end">{formatCredits(account.held)}</td>
              <td className="number end">{formatCredits(account.available)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
