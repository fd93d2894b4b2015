import { useCallback, useMemo, useState } from 'react';
import type { Credits, FlorinClient, Member, MemberPage, MemberRole } from '../browser/index.ts';
import { useShared } from './provider.tsx';
import { useLoaded } from './use-loaded.ts';
import { readPages, usePages } from './use-pages.ts';

export type Members = {
  readonly status: 'loading' | 'ready' | 'error';
  readonly members: readonly Member[];
  readonly hasMore: boolean;
  /** Why the members could not be loaded, or the last change not made. */
  readonly error: unknown;
  readonly busy: boolean;
  loadMore(): Promise<void>;
  reload(): void;
  /** Adds a member, or gives one another role. */
  set(userId: string, role: MemberRole): Promise<boolean>;
  remove(userId: string): Promise<boolean>;
  /** The most credits in a month, of the time zone that it was limited by before; null: no limit. */
  limit(userId: string, credits: Credits | null): Promise<boolean>;
};

/** The members of an account, for its admins: a page at a time, and the changes. */
export function useMembers(accountId: string): Members {
  const { client } = useShared();
  // What is shown is loaded again after a change, not its first page alone.
  const shown = useMemo(() => ({ client, accountId, pages: 1 }), [client, accountId]);
  const first = useLoaded(useCallback(() => load(shown), [shown]));
  const pages = usePages(
    first.data,
    ({ members }) => members,
    (cursor) => client.members(accountId, { cursor }),
  );
  const [changing, setChanging] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);

  async function change(work: () => Promise<unknown>): Promise<boolean> {
    setChanging(true);
    setFailure(null);
    try {
      await work();
      first.reload();
      return true;
    } catch (error) {
      setFailure(error);
      return false;
    } finally {
      setChanging(false);
    }
  }

  return {
    status: first.status,
    members: pages.items,
    hasMore: pages.hasMore,
    error: failure ?? pages.error ?? first.error,
    busy: changing || pages.loadingMore,
    reload: first.reload,
    async loadMore() {
      setFailure(null);
      shown.pages += 1;
      await pages.loadMore();
    },
    set: (userId, role) => change(() => client.setMember(accountId, userId, role)),
    remove: (userId) => change(() => client.removeMember(accountId, userId)),
    limit(userId, credits) {
      const member = pages.items.find((one) => one.userId === userId);
      const { own, each } = monthlyLimits(member);
      const timeZone = (own ?? each)?.timeZone;
      return change(() => client.limitMember(accountId, userId, credits, timeZone));
    },
  };
}

type Shown = { readonly client: FlorinClient; readonly accountId: string; readonly pages: number };

/** As many pages as one. */
async function load({ client, accountId, pages }: Shown): Promise<MemberPage> {
  const read = await readPages((cursor) => client.members(accountId, { cursor }), pages);
  return {
    members: read.flatMap(({ members }) => members),
    nextCursor: read.at(-1)?.nextCursor ?? null,
  };
}

/** What a member may use at most in a month, whatever for: by the limit of their own, and by that of each member. */
export function monthlyLimits(member: Member | undefined) {
  const { userId, limits = [] } = member ?? {};
  const monthly = limits.filter(
    ({ window, feature, soft }) => window === 'month' && feature === null && !soft,
  );
  return {
    own: monthly.find(({ actor }) => actor === userId),
    each: monthly.find(({ actor }) => actor === '*'),
  };
}
