import { useCallback, useRef, useState } from 'react';
import type { Transaction } from '../browser/index.ts';
import { useFlorin } from './provider.tsx';
import { useLoaded } from './use-loaded.ts';

type Pages = { readonly transactions: readonly Transaction[]; readonly nextCursor: string | null };

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
  const [older, setOlder] = useState<{ after: Pages | null; pages: Pages } | null>(null);
  const [loadingMore, setLoadingMore] = useState(false);
  const [moreError, setMoreError] = useState<unknown>(null);
  const busy = useRef(false);
  const first = useLoaded(useCallback(() => client.transactions(), [client]));

  // Older pages belong to the first page that they follow; a reload drops them.
  const rest = older !== null && older.after === first.data ? older.pages : null;
  const cursor = (rest ?? first.data)?.nextCursor ?? null;

  async function loadMore(): Promise<void> {
    if (cursor === null || busy.current) {
      return;
    }
    busy.current = true;
    setLoadingMore(true);
    setMoreError(null);
    try {
      const page = await client.transactions({ cursor });
      const transactions = [...(rest?.transactions ?? []), ...page.transactions];
      setOlder({ after: first.data, pages: { transactions, nextCursor: page.nextCursor } });
    } catch (error) {
      setMoreError(error);
    } finally {
      busy.current = false;
      setLoadingMore(false);
    }
  }

  return {
    status: first.status,
    transactions: [...(first.data?.transactions ?? []), ...(rest?.transactions ?? [])],
    hasMore: cursor !== null,
    loadingMore,
    error: first.error ?? moreError,
    loadMore,
    reload: first.reload,
  };
}
