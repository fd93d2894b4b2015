import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useMemo,
  useSyncExternalStore,
} from 'react';
import { createFlorinClient } from '../../src/browser/index.ts';
import type { SiteSettings } from '../../src/contract/index.ts';
import { FlorinProvider } from '../../src/react/index.ts';
import { createAuth, type Session } from './auth.ts';
import { createSessionStore, type SessionStore } from './store.ts';

type Site = { readonly config: SiteSettings; readonly store: SessionStore };

const Context = createContext<Site | null>(null);

/** Signs in against the configured Supabase project and gives Florin's client its tokens. */
export function SiteProvider({ config, children }: { config: SiteSettings; children: ReactNode }) {
  const site = useMemo(() => ({ config, store: createSessionStore(createAuth(config)) }), [config]);
  return (
    <Context.Provider value={site}>
      <ClientOfUser site={site}>{children}</ClientOfUser>
    </Context.Provider>
  );
}

/** Another person gets another client, so that nothing of the first is left on the screen. */
function ClientOfUser({ site, children }: { site: Site; children: ReactNode }) {
  const userId = useSyncExternalStore(site.store.subscribe, site.store.read)?.user.id ?? null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new user asks for a new client.
  const client = useMemo(
    () => createFlorinClient({ getAccessToken: site.store.getAccessToken }),
    [site, userId],
  );
  const remember = useCallback(
    (accountId: string | null) => rememberAccount(userId, accountId),
    [userId],
  );
  return (
    <FlorinProvider
      client={client}
      accountId={rememberedAccount(userId)}
      onAccountChange={remember}
    >
      {children}
    </FlorinProvider>
  );
}

const ACCOUNT = 'florin.account';

/** The account that a return from Stripe is about, or that this user chose last in this tab. */
function rememberedAccount(userId: string | null): string | null {
  const named = new URLSearchParams(window.location.search).get('account');
  if (userId === null || named !== null) {
    return named === userId ? null : named;
  }
  try {
    return sessionStorage.getItem(`${ACCOUNT}:${userId}`);
  } catch {
    return null;
  }
}

function rememberAccount(userId: string | null, accountId: string | null): void {
  try {
    if (accountId === null) {
      sessionStorage.removeItem(`${ACCOUNT}:${userId}`);
    } else {
      sessionStorage.setItem(`${ACCOUNT}:${userId}`, accountId);
    }
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
}

export function useSite(): Site {
  const site = useContext(Context);
  if (site === null) {
    throw new Error('useSite needs <SiteProvider>.');
  }
  return site;
}

export function useSession(): Session | null {
  const { store } = useSite();
  return useSyncExternalStore(store.subscribe, store.read);
}
