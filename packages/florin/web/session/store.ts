import { type Auth, type Credentials, type Session, SignInError } from './auth.ts';

const KEY = 'florin.session';
/** A token is refreshed this long before it ends, so that it does not end while a request is sent. */
const EARLY_MS = 60_000;

export type SessionStore = {
  read(): Session | null;
  subscribe(listener: () => void): () => void;
  getAccessToken(options: { refresh: boolean }): Promise<string | null>;
  signIn(credentials: Credentials): Promise<Session>;
  /** Null when the address must be confirmed by mail first. */
  signUp(credentials: Credentials): Promise<Session | null>;
  signOut(): Promise<void>;
};

/**
 * The signed-in person of this origin, the same in all its tabs; only in this page's memory where
 * storage is blocked. A refused refresh signs out, an unreachable service does not.
 */
export function createSessionStore(auth: Auth): SessionStore {
  const listeners = new Set<() => void>();
  let session = load();
  let refreshing: Promise<string | null> | null = null;

  function tell(next: Session | null): void {
    session = next;
    for (const listener of [...listeners]) {
      listener();
    }
  }

  function keep(next: Session | null): void {
    try {
      if (next === null) {
        localStorage.removeItem(KEY);
      } else {
        localStorage.setItem(KEY, JSON.stringify(next));
      }
    } catch {
      // Storage is blocked, so this page's memory is used.
    }
    tell(next);
  }

  window.addEventListener('storage', ({ key }) => {
    if (key === KEY || key === null) {
      tell(load());
    }
  });

  /** One tab at a time: a refresh token is good for one refresh. */
  async function refresh(): Promise<string | null> {
    const locks = navigator.locks as LockManager | undefined;
    return locks === undefined ? refreshNow() : locks.request(KEY, refreshNow);
  }

  async function refreshNow(): Promise<string | null> {
    const before = session;
    const stored = load() ?? before;
    if (before === null || stored === null) {
      return null;
    }
    if (stored.accessToken !== before.accessToken && stored.expiresAt > Date.now() + EARLY_MS) {
      tell(stored);
      return stored.accessToken;
    }
    try {
      keep(await auth.refresh(stored.refreshToken));
    } catch (error) {
      if (!(error instanceof SignInError) || error.status < 400 || error.status >= 500) {
        throw error;
      }
      keep(null);
    }
    return session?.accessToken ?? null;
  }

  return {
    read: () => session,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async getAccessToken(options) {
      if (session === null) {
        return null;
      }
      if (!options.refresh && session.expiresAt > Date.now() + EARLY_MS) {
        return session.accessToken;
      }
      refreshing ??= refresh().finally(() => {
        refreshing = null;
      });
      return refreshing;
    },
    async signIn(credentials) {
      const next = await auth.withPassword(credentials);
      keep(next);
      return next;
    },
    async signUp(credentials) {
      const next = await auth.signUp(credentials);
      if (next !== null) {
        keep(next);
      }
      return next;
    },
    async signOut() {
      const token = session?.accessToken;
      keep(null);
      if (token !== undefined) {
        // Signed out here in any case; the token ends by itself within the hour.
        await auth.signOut(token).catch(() => {});
      }
    },
  };
}

function load(): Session | null {
  try {
    const value = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Session | null;
    return typeof value?.accessToken === 'string' && typeof value.user?.id === 'string'
      ? value
      : null;
  } catch {
    return null;
  }
}
