import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';
import type { FlorinClient } from '../browser/index.ts';
import { type BalanceStore, createBalanceStore } from './balance-store.ts';

type Florin = {
  readonly client: FlorinClient;
  readonly balance: BalanceStore;
  /** The account that all of it is about; null: the user's own. */
  readonly accountId: string | null;
  choose(accountId: string | null): void;
};

const Context = createContext<Florin | null>(null);

export type FlorinProviderProps = {
  client: FlorinClient;
  /** The account that is chosen at first; default: the user's own. */
  accountId?: string | null;
  /** Called when another account is chosen, to remember it. */
  onAccountChange?: (accountId: string | null) => void;
  children?: ReactNode;
};

/** Gives the hooks below it a client. All of them share one live connection for the balance, and one account. */
export function FlorinProvider(props: FlorinProviderProps) {
  const { client, accountId: first = null, onAccountChange, children } = props;
  const [choice, setChoice] = useState({ client, accountId: first });
  // Another client is another user's: what was chosen before is not theirs.
  const accountId = choice.client === client ? choice.accountId : first;
  const choose = useCallback(
    (next: string | null) => {
      setChoice({ client, accountId: next });
      onAccountChange?.(next);
    },
    [client, onAccountChange],
  );
  const value = useMemo(() => {
    const acting = accountId === null ? client : client.actFor(accountId);
    return { client: acting, balance: createBalanceStore(acting), accountId, choose };
  }, [client, accountId, choose]);
  return <Context value={value}>{children}</Context>;
}

/** The provider's client, for the account that is chosen. Throws outside of a provider. */
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
