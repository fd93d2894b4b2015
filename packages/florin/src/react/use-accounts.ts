import { useCallback } from 'react';
import type { FlorinClient, OwnAccount } from '../browser/index.ts';
import { useShared } from './provider.tsx';
import { type Loaded, useLoaded } from './use-loaded.ts';
import { readPages } from './use-pages.ts';

export type Accounts = Loaded<readonly OwnAccount[]> & {
  /** The one that the hooks and widgets are about; null until the accounts are known. */
  readonly current: OwnAccount | null;
  /** Turns all hooks and widgets to another account; null: the user's own. */
  choose(accountId: string | null): void;
};

/** Which account the hooks and widgets are about; null: the user's own. */
export function useChosenAccount(): Pick<Accounts, 'choose'> & { accountId: string | null } {
  const { accountId, choose } = useShared();
  return { accountId, choose };
}

/** The accounts that the signed-in user is a member of, their own first, and which one is shown. */
export function useAccounts(): Accounts {
  const { client, accountId, choose } = useShared();
  const loaded = useLoaded(useCallback(() => all(client), [client]));
  const own = loaded.data?.[0] ?? null;
  const current =
    accountId === null ? own : (loaded.data?.find((one) => one.accountId === accountId) ?? null);
  return { ...loaded, current, choose };
}

async function all(client: FlorinClient): Promise<readonly OwnAccount[]> {
  const pages = await readPages((cursor) => client.accounts({ cursor }));
  return pages.flatMap(({ accounts }) => accounts);
}
