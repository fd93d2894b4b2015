import { type ReactNode, useState } from 'react';
import { AccountSwitcher, BalanceBadge } from '../../src/react/index.ts';
import { useSession, useSite } from '../session/context.tsx';
import { SignInSheet } from '../session/sign-in-sheet.tsx';
import { Button } from './button.tsx';
import { Mark } from './mark.tsx';

export type Place = 'pricing' | 'account' | 'admin';

/** Below this many credits the page warns the buyer. */
export const LOW_BALANCE = 10;

/** Puts the header and the footer around a page. */
export function Frame({ place, children }: { place: Place; children: ReactNode }) {
  const session = useSession();
  const { config } = useSite();
  const here = (which: Place) => (which === place ? 'page' : undefined);
  return (
    <div className="page">
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header className="masthead">
        <div className="column">
          <a className="wordmark" href="/pricing.html">
            <Mark />
            Florin
          </a>
          <nav className="nav" aria-label="Main">
            <a href="/pricing.html" aria-current={here('pricing')}>
              Pricing
            </a>
            <a href="/index.html" aria-current={here('account')}>
              Account
            </a>
            {session?.user.role === 'operator' || place === 'admin' ? (
              <a href="/admin" aria-current={here('admin')}>
                Console
              </a>
            ) : null}
          </nav>
          <Person place={place} />
        </div>
      </header>
      {children}
      <footer className="colophon">
        <div className="column">
          <span>
            Credits are kept in a ledger: every change is an entry, and none is ever edited.
          </span>
          {config.development ? <span>Development: no real money moves here.</span> : null}
        </div>
      </footer>
    </div>
  );
}

function Person({ place }: { place: Place }) {
  const session = useSession();
  const { store, config } = useSite();
  const [signingIn, setSigningIn] = useState(false);

  if (session === null) {
    // The account and the console show the form on the page itself.
    return place === 'pricing' && onAppOrigin(config.appUrl) ? (
      <div className="masthead-account">
        <Button slim onClick={() => setSigningIn(true)}>
          Sign in
        </Button>
        <SignInSheet
          open={signingIn}
          onClose={() => setSigningIn(false)}
          onSignedIn={() => setSigningIn(false)}
        />
      </div>
    ) : null;
  }
  return (
    <div className="masthead-account">
      <span className="email">{session.user.email}</span>
      {place === 'admin' ? null : <AccountSwitcher className="switcher" />}
      {place === 'admin' ? null : <BalanceBadge lowAt={LOW_BALANCE - 1} />}
      <Button slim onClick={() => void store.signOut()}>
        Sign out
      </Button>
    </div>
  );
}

/** True on the one origin where people sign in. */
export function onAppOrigin(appUrl: string): boolean {
  return new URL(appUrl).origin === window.location.origin;
}
