import { type FormEvent, useCallback, useState } from 'react';
import { useLoaded } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { formatCredits } from '../frame/format.ts';
import { LoadFailed } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';

/** Finds an account by what an operator has in hand: its id, an email, a Stripe customer. */
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
            <label htmlFor="account-query">Account id, email or Stripe customer</label>
            <input
              id="account-query"
              name="query"
              type="search"
              spellCheck={false}
              autoComplete="off"
              placeholder="cus_… or an id"
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
  const found = useLoaded(useCallback(() => api.accounts(query), [api, query]));
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
  if (found.data.length === 0) {
    return (
      <p className="empty" role="status">
        {query === '' ? 'No accounts yet.' : `No account matches “${query}”.`}
      </p>
    );
  }
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
          {found.data.map((account) => (
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
