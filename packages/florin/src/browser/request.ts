import { errorFromResponse, FlorinClientError } from './error.ts';
import type { Host } from './host.ts';

/**
 * The signed-in user's access token, or null. Called before each request; `refresh` is true when
 * the service has just refused the token, so a cached one will not do.
 */
export type GetAccessToken = (options: {
  refresh: boolean;
}) => string | null | Promise<string | null>;

export type Call = {
  readonly path: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | null | undefined>>;
  /** False for what anyone may ask. */
  readonly signedIn?: boolean;
  /** True where the plan session's cookie must travel, to another origin too. */
  readonly cookies?: boolean;
  readonly accept?: string;
  /** Ends the call; for streams, which have no time limit of their own. */
  readonly signal?: AbortSignal;
};

export type Send = (call: Call) => Promise<Response>;

/** A call without an answer fails with `timeout` after this long. */
export const TIMEOUT_MS = 20_000;

/** Sends calls to the service; what is not a success is thrown as FlorinClientError. */
export function createSend(options: {
  readonly host: Host;
  readonly baseUrl: string;
  readonly getAccessToken: GetAccessToken;
  /** The account that the calls are about; absent: the user's own. */
  readonly accountId?: string | undefined;
}): Send {
  const { host, baseUrl, getAccessToken, accountId } = options;

  return async function send(call) {
    const token = call.signedIn === false ? null : await getAccessToken({ refresh: false });
    if (call.signedIn !== false && token === null) {
      throw signInNeeded();
    }
    let response = await once(call, token);
    if (response.status === 401 && token !== null) {
      const fresh = await getAccessToken({ refresh: true });
      if (fresh !== null && fresh !== token) {
        response = await once(call, fresh);
      }
    }
    if (!response.ok) {
      throw await errorFromResponse(response);
    }
    return response;
  };

  async function once(call: Call, token: string | null): Promise<Response> {
    const headers: Record<string, string> = { accept: call.accept ?? 'application/json' };
    if (token !== null) {
      headers['authorization'] = `Bearer ${token}`;
      if (accountId !== undefined && !call.path.startsWith('/api/accounts')) {
        headers['florin-account'] = accountId;
      }
    }
    const init: RequestInit = {
      method: call.method ?? 'GET',
      headers,
      credentials: call.cookies === true ? 'include' : 'same-origin',
      cache: 'no-store',
    };
    if (call.body !== undefined) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(call.body);
    }
    return withTimeLimit(call.signal, (signal) =>
      host.fetch(baseUrl + call.path + queryString(call.query), { ...init, signal }),
    );
  }

  async function withTimeLimit(
    outer: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<Response>,
  ): Promise<Response> {
    const limit = new AbortController();
    const cancel = host.after(TIMEOUT_MS, () => limit.abort());
    const onOuter = () => limit.abort();
    outer?.addEventListener('abort', onOuter);
    try {
      return await work(limit.signal);
    } catch (cause) {
      if (outer?.aborted) {
        throw cause;
      }
      throw limit.signal.aborted
        ? new FlorinClientError(
            { code: 'timeout', message: 'The service took too long to answer. Try again.' },
            { cause },
          )
        : new FlorinClientError(
            { code: 'network', message: 'The service could not be reached. Check the connection.' },
            { cause },
          );
    } finally {
      cancel();
    }
  }
}

function signInNeeded(): FlorinClientError {
  return new FlorinClientError(
    { code: 'unauthenticated', message: 'Sign in to continue.' },
    { status: 401 },
  );
}

function queryString(query: Call['query']): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value != null) {
      params.set(name, value);
    }
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** The JSON of an answer; a success that is no JSON (a captive portal) is `bad_response`. */
export async function json<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (cause) {
    throw new FlorinClientError(
      { code: 'bad_response', message: 'The answer could not be read. Try again in a moment.' },
      { status: response.status, cause },
    );
  }
}
