import { useSyncExternalStore } from 'react';
import type { LiveBalance } from './balance-store.ts';
import { useShared } from './provider.tsx';

const ON_SERVER: LiveBalance = { balance: null, error: null };

/** The signed-in user's balance, kept current. `error` is set while it may be out of date. */
export function useBalance(): LiveBalance & { reload(): void } {
  const { balance } = useShared();
  const state = useSyncExternalStore(balance.subscribe, balance.read, () => ON_SERVER);
  return { ...state, reload: balance.restart };
}
