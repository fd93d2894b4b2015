import type { Balance, FlorinClient } from '../browser/index.ts';

export type LiveBalance = {
  /** Null until the first answer. */
  readonly balance: Balance | null;
  /** The last failure since the last good answer, or null. */
  readonly error: unknown;
};

export type BalanceStore = {
  subscribe(listener: () => void): () => void;
  read(): LiveBalance;
  /** Connects anew, for another user or after a failure. */
  restart(): void;
};

const NOTHING: LiveBalance = { balance: null, error: null };

/** One watch for however many components show the balance; it ends with the last of them. */
export function createBalanceStore(client: Pick<FlorinClient, 'watchBalance'>): BalanceStore {
  const listeners = new Set<() => void>();
  let state = NOTHING;
  let stop: (() => void) | null = null;

  function set(next: LiveBalance): void {
    state = next;
    for (const listener of [...listeners]) {
      listener();
    }
  }

  function start(): void {
    stop = client.watchBalance((balance) => set({ balance, error: null }), {
      onError: (error) => set({ ...state, error }),
    });
  }

  return {
    subscribe(listener) {
      listeners.add(listener);
      if (stop === null) {
        start();
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          stop?.();
          stop = null;
        }
      };
    },
    read: () => state,
    restart() {
      stop?.();
      stop = null;
      set(NOTHING);
      if (listeners.size > 0) {
        start();
      }
    },
  };
}
