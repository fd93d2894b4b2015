import { type FlorinClient, FlorinClientError } from '../../src/browser/index.ts';
import type {
  AdminAccount,
  AdminChange,
  AdminEvent,
  AdminEventDetail,
  AdminEventPage,
  AdminHealth,
  AdminReconcileRun,
  AdminSearch,
  EventStatus,
  Written,
} from '../../src/contract/index.ts';
import type { SessionStore } from '../session/store.ts';

export type EventQuery = {
  readonly status?: EventStatus | null;
  readonly attention?: boolean;
  readonly account?: string | null;
  readonly cursor?: string | null;
};

export type AdminApi = {
  events(query: EventQuery): Promise<AdminEventPage>;
  event(eventId: string): Promise<AdminEventDetail>;
  replay(eventId: string): Promise<AdminEvent>;
  /** By an account's id, any id of Stripe's or an email; the latest customers for an empty text. */
  search(query: string): Promise<AdminSearch>;
  account(accountId: string, cursor?: string | null): Promise<AdminAccount>;
  /** What the account used its credits for, as buyers read their own. */
  usage(accountId: string): FlorinClient['usage'];
  /** Gives (`grant`) or corrects (`adjust`) by hand; the same key again has no second effect. */
  change(accountId: string, change: AccountChange): Promise<Written>;
  health(): Promise<AdminHealth>;
  reconcileRuns(): Promise<readonly AdminReconcileRun[]>;
  /** Compares now, and repairs nothing. */
  reconcile(days: number): Promise<readonly AdminReconcileRun[]>;
};

export type AccountChange = AdminChange & { readonly kind: 'grant' | 'adjust' };

/** The operator's routes, with the signed-in person's token. */
export function createAdminApi(store: SessionStore): AdminApi {
  async function ask<T>(path: string, request: Asked = { method: 'GET' }): Promise<T> {
    const first = await store.getAccessToken({ refresh: false });
    let response = await once(path, request, first);
    if (response.status === 401 && first !== null) {
      response = await once(path, request, await store.getAccessToken({ refresh: true }));
    }
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (!response.ok) {
      const code = String(answer['code'] ?? 'bad_response');
      const said = answer['detail'] ?? answer['title'];
      const message = typeof said === 'string' ? said : `The service answered ${response.status}.`;
      throw new FlorinClientError({ code, message }, { status: response.status });
    }
    return answer as T;
  }

  const id = encodeURIComponent;
  return {
    events: ({ status, attention, account, cursor }) =>
      ask(
        `/api/admin/events${queryString({
          status,
          attention: attention === true ? 'true' : null,
          account,
          cursor,
        })}`,
      ),
    event: (eventId) => ask(`/api/admin/events/${id(eventId)}`),
    replay: (eventId) => ask(`/api/admin/events/${id(eventId)}/replay`, { method: 'POST' }),
    search: (query) => ask(`/api/admin/accounts${queryString({ query })}`),
    account: (accountId, cursor) =>
      ask(`/api/admin/accounts/${id(accountId)}${queryString({ cursor })}`),
    usage:
      (accountId) =>
      ({ from, to, by }: { from?: string; to?: string; by?: readonly string[] } = {}) =>
        ask<never>(
          `/api/admin/accounts/${id(accountId)}/usage${queryString({ from, to, by: by?.join(',') })}`,
        ),
    change: (accountId, { kind, ...body }) =>
      ask(`/api/admin/accounts/${id(accountId)}/${kind}`, { method: 'POST', body }),
    health: () => ask('/api/admin/health'),
    reconcileRuns: async () => (await ask<Runs>('/api/admin/reconcile')).runs,
    reconcile: async (days) => {
      const asked = { method: 'POST', body: { days }, timeoutMs: RECONCILE_MS } as const;
      return (await ask<Runs>('/api/admin/reconcile', asked)).runs;
    },
  };
}

type Runs = { readonly runs: readonly AdminReconcileRun[] };

type Asked = {
  readonly method: 'GET' | 'POST';
  readonly body?: object;
  readonly timeoutMs?: number;
};

const USUAL_MS = 20_000;
/** It asks Stripe for a month, page by page. */
const RECONCILE_MS = 300_000;

async function once(path: string, asked: Asked, token: string | null): Promise<Response> {
  const { method, body, timeoutMs = USUAL_MS } = asked;
  const headers = { accept: 'application/json', authorization: `Bearer ${token ?? ''}` };
  const sent =
    body === undefined
      ? { headers }
      : {
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        };
  try {
    return await fetch(path, { method, ...sent, signal: AbortSignal.timeout(timeoutMs) });
  } catch (cause) {
    const message = 'The service could not be reached. Check the connection.';
    throw new FlorinClientError({ code: 'network', message }, { cause });
  }
}

function queryString(query: Readonly<Record<string, string | null | undefined>>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value != null && value !== '') {
      params.set(name, value);
    }
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
