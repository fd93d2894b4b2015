/** The few things of a browser that the client touches, so that tests need no DOM. */
export type Host = {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Null where storage is blocked, full or absent; asking never throws. */
  storage(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null;
  /** Milliseconds since 1970. */
  now(): number;
  random(): number;
  /** Runs `work` after `ms`; the returned function cancels it. */
  after(ms: number, work: () => void): () => void;
  isHidden(): boolean;
  /** The address of the page, or an empty string outside a page. */
  address(): string;
  /** Changes the address without loading and without a new entry in the history. */
  replaceAddress(address: string): void;
  /** Listens until the returned function is called. */
  on(signal: Signal, listener: (key: string | null) => void): () => void;
};

/**
 * `visibility`: shown or hidden; `online`: the network came back; `restored`: the back button
 * brought the page back from memory; `storage`: another tab wrote (with the key, null for all).
 */
export type Signal = 'visibility' | 'online' | 'restored' | 'storage';

/** The page this code runs in; on a server everything that needs a page is simply absent. */
export function browserHost(): Host {
  const page = globalThis as Partial<Window & typeof globalThis>;
  return {
    fetch: (url, init) => fetch(url, init),
    storage() {
      try {
        // Reading the property itself throws where the user blocks storage.
        return page.localStorage ?? null;
      } catch {
        return null;
      }
    },
    now: () => Date.now(),
    random: () => Math.random(),
    after(ms, work) {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
    isHidden: () => page.document?.visibilityState === 'hidden',
    address: () => page.location?.href ?? '',
    replaceAddress: (address) => page.history?.replaceState(page.history.state, '', address),
    on: (signal, listener) => listen(page, signal, listener),
  };
}

function listen(
  page: Partial<Window & typeof globalThis>,
  signal: Signal,
  listener: (key: string | null) => void,
): () => void {
  const [target, name] = {
    visibility: [page.document, 'visibilitychange'],
    online: [page, 'online'],
    restored: [page, 'pageshow'],
    storage: [page, 'storage'],
  }[signal] as [EventTarget | undefined, string];
  const onEvent = (event: Event) => {
    if (signal === 'restored' && !(event as PageTransitionEvent).persisted) {
      return;
    }
    listener((event as Partial<StorageEvent>).key ?? null);
  };
  target?.addEventListener?.(name, onEvent);
  return () => target?.removeEventListener?.(name, onEvent);
}
