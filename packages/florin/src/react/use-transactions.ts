import { useCallback } from 'react';
import type { Transaction } from '../browser/index.ts';
import { useFlorin } from './provider.tsx';
import { useLoaded } from './use-loaded.ts';
import { usePages } from './use-pages.ts';

export type Transactions = {
  readonly status: 'loading' | 'ready' | 'error';
  /** Newest first. */
  readonly transactions: readonly Transaction[];
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  readonly error: unknown;
  loadMore(): Promise<void>;
  /** Starts again from the newest. */
  reload(): void;
};

/** The signed-in user's ledger, a page at a time. */
export function useTransactions(): Transactions {
  const client = useFlorin();
  const first = useLoaded(useCallback(() => client.transactions(), [client]));
  const { items, error, ...pages } = usePages(
    first.data,
    ({ transactions }) => transactions,
    (cursor) => client.transactions({ cursor }),
  );
  return {
    ...pages,
    status: first.status,
    transactions: items,
    error: first.error ?? error,
    reload: first.reload,
  };
}
