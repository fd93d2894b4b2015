import { useEffect, useMemo, useState } from 'react';
import { Notice } from '../frame/notice.tsx';
import { useSession, useSite } from '../session/context.tsx';
import { SignInForm } from '../session/sign-in-form.tsx';
import { AccountSearch } from './account-search.tsx';
import { AccountView } from './account-view.tsx';
import { createAdminApi } from './api.ts';
import { EventTimeline } from './event-timeline.tsx';
import { HealthSummary, useHealth } from './health-summary.tsx';
import { ReconcileView } from './reconcile-view.tsx';

const AREAS = ['events', 'accounts', 'reconcile'] as const;
/** Where in the console one is: `#/events`, `#/events/evt_1`, `#/accounts/<id>`, `#/reconcile`. */
type Route = { readonly area: (typeof AREAS)[number]; readonly id: string | null };

/** `/admin`: the operator's console. */
export function AdminPage() {
  const session = useSession();
  if (session === null) {
    return (
      <main id="content" className="column">
        <div className="signed-out">
          <div>
            <h1>Operator console</h1>
            <p className="lead">
              Events as they came, accounts with their ledger, and what needs a person.
            </p>
          </div>
          <section aria-label="Sign in">
            <SignInForm />
          </section>
        </div>
      </main>
    );
  }
  return (
    <main id="content" className="column">
      {session.user.role === 'operator' ? (
        <Console />
      ) : (
        <>
          <h1 className="visually-hidden">Operator console</h1>
          <Notice tone="bad" title="This page is for operators.">
            Your account is not one. An operator has “florin_role”: “operator” in its app metadata.
          </Notice>
        </>
      )}
    </main>
  );
}

function Console() {
  const { store } = useSite();
  const api = useMemo(() => createAdminApi(store), [store]);
  const route = useRoute();
  const health = useHealth(api);
  const here = (area: Route['area']) => (area === route.area ? 'page' : undefined);
  return (
    <>
      <div className="console-head">
        <h1>Console</h1>
        <nav className="tabs" aria-label="Console">
          <a href="#/events" aria-current={here('events')}>
            Events
          </a>
          <a href="#/accounts" aria-current={here('accounts')}>
            Accounts
          </a>
          <a href="#/reconcile" aria-current={here('reconcile')}>
            Reconcile
          </a>
        </nav>
      </div>
      <HealthSummary health={health} />
      {route.area === 'events' ? (
        <EventTimeline api={api} openId={route.id} health={health.data} />
      ) : null}
      {route.area === 'accounts' ? <AccountSearch api={api} openId={route.id} /> : null}
      {route.area === 'accounts' && route.id !== null ? (
        <AccountView key={route.id} api={api} accountId={route.id} />
      ) : null}
      {route.area === 'reconcile' ? <ReconcileView api={api} onCompared={health.reload} /> : null}
    </>
  );
}

function useRoute(): Route {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const onChange = () => setRoute(readRoute());
    window.addEventListener('hashchange', onChange);
    return () => window.removeEventListener('hashchange', onChange);
  }, []);
  return route;
}

function readRoute(): Route {
  const [, area, id] = window.location.hash.split('/');
  return {
    area: AREAS.find((known) => known === area) ?? 'events',
    id: id === undefined || id === '' ? null : decodeURIComponent(id),
  };
}
