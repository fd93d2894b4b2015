import { useRef, useState } from 'react';

export type Pages<T> = {
  /** Of all pages so far, in their order. */
  readonly items: readonly T[];
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** Why the last page could not be loaded; null: it could. */
  readonly error: unknown;
  /** Loads the next page; does nothing after the last one, or while one is loaded. */
  loadMore(): Promise<void>;
};

/** One page after the other, from the first: all of them, or at most so many. */
export async function readPages<P extends { readonly nextCursor: string | null }>(
  read: (cursor: string | null) => Promise<P>,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly P[]> {
  let last = await read(null);
  const pages = [last];
  while (last.nextCursor !== null && pages.length < most) {
    last = await read(last.nextCursor);
    pages.push(last);
  }
  return pages;
}

type Rest<P> = { readonly first: P | null; readonly pages: readonly P[]; readonly error: unknown };

const NONE = { pages: [], error: null };

/**
 * A list that is read a page at a time, from its first page (null: not there yet). The other pages belong to the
 * first that they follow: another first page drops them.
 */
export function usePages<P extends { readonly nextCursor: string | null }, T>(
  first: P | null,
  itemsOf: (page: P) => readonly T[],
  load: (cursor: string) => Promise<P>,
): Pages<T> {
  const [loaded, setLoaded] = useState<Rest<P>>({ first: null, ...NONE });
  const [loadingMore, setLoadingMore] = useState(false);
  const busy = useRef(false);
  const { pages, error } = loaded.first === first ? loaded : NONE;
  const cursor = (pages.at(-1) ?? first)?.nextCursor ?? null;

  async function loadMore(): Promise<void> {
    if (cursor === null || busy.current) {
      return;
    }
    busy.current = true;
    setLoadingMore(true);
    setLoaded({ first, pages, error: null });
    try {
      setLoaded({ first, pages: [...pages, await load(cursor)], error: null });
    } catch (thrown) {
      setLoaded({ first, pages, error: thrown });
    } finally {
      busy.current = false;
      setLoadingMore(false);
    }
  }

  const items = (first === null ? [] : [first, ...pages]).flatMap(itemsOf);
  return { items, hasMore: cursor !== null, loadingMore, error, loadMore };
}
