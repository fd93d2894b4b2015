import { createContext, type ReactNode, useContext, useMemo } from 'react';
import type { FlorinClient } from '../browser/index.ts';
import { type BalanceStore, createBalanceStore } from './balance-store.ts';

type Florin = { readonly client: FlorinClient; readonly balance: BalanceStore };

const Context = createContext<Florin | null>(null);

/** Gives the hooks below it a client. All of them share one live connection for the balance. */
export function FlorinProvider(props: { client: FlorinClient; children?: ReactNode }) {
  const { client, children } = props;
  const value = useMemo(() => ({ client, balance: createBalanceStore(client) }), [client]);
  return <Context value={value}>{children}</Context>;
}

/** The provider's client. Throws outside of a provider. */
export function useFlorin(): FlorinClient {
  return useShared().client;
}

export function useShared(): Florin {
  const florin = useContext(Context);
  if (florin === null) {
    throw new Error('Wrap this component in <FlorinProvider client={createFlorinClient(…)}>.');
  }
  return florin;
}
