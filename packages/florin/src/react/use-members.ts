import { useCallback, useState } from 'react';
import type { Member, MemberRole } from '../browser/index.ts';
import { useShared } from './provider.tsx';
import { useLoaded } from './use-loaded.ts';

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
  /** The most credits in a month; null: no limit. */
  limit(userId: string, credits: number | null): Promise<boolean>;
};

type More = {
  readonly after: unknown;
  readonly members: readonly Member[];
  readonly cursor: string | null;
};

/** The members of an account, for its admins: a page at a time, and the changes. */
export function useMembers(accountId: string): Members {
  const { client } = useShared();
  const first = useLoaded(useCallback(() => client.members(accountId), [client, accountId]));
  const [more, setMore] = useState<More | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const rest = more?.after === first.data ? more : null;
  const cursor = (rest === null ? first.data?.nextCursor : rest.cursor) ?? null;

  async function run(work: () => Promise<unknown>): Promise<boolean> {
    setBusy(true);
    setFailure(null);
    try {
      await work();
      return true;
    } catch (error) {
      setFailure(error);
      return false;
    } finally {
      setBusy(false);
    }
  }

  const change = (work: () => Promise<unknown>) =>
    run(async () => {
      await work();
      first.reload();
    });

  return {
    status: first.status,
    members: [...(first.data?.members ?? []), ...(rest?.members ?? [])],
    hasMore: cursor !== null,
    error: failure ?? first.error,
    busy,
    reload: first.reload,
    async loadMore() {
      await run(async () => {
        const page = await client.members(accountId, { cursor });
        const members = [...(rest?.members ?? []), ...page.members];
        setMore({ after: first.data, members, cursor: page.nextCursor });
      });
    },
    set: (userId, role) => change(() => client.setMember(accountId, userId, role)),
    remove: (userId) => change(() => client.removeMember(accountId, userId)),
    limit: (userId, credits) => change(() => client.limitMember(accountId, userId, credits)),
  };
}
