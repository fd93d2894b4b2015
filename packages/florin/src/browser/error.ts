/**
 * A failure with a stable `code`: the service's own (`insufficient_credits`, `price_unknown`,
 * `already_subscribed`, …; see docs/errors.md), or one of the client's: `network` (no answer),
 * `timeout`, `bad_response` (an answer that is not Florin's), `unauthenticated` (no access token).
 */
export class FlorinClientError extends Error {
  readonly code: string;
  /** HTTP status, or 0 when there was no answer. */
  readonly status: number;
  /** What the problem document says besides code, title and detail. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Seconds to wait, where the service named them. */
  readonly retryAfter: number | null;

  constructor(
    problem: { code: string; message: string },
    more: {
      status?: number;
      details?: Readonly<Record<string, unknown>>;
      retryAfter?: number | null;
      cause?: unknown;
    } = {},
  ) {
    super(problem.message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'FlorinClientError';
    this.code = problem.code;
    this.status = more.status ?? 0;
    this.details = more.details ?? {};
    this.retryAfter = more.retryAfter ?? null;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads an RFC 9457 document; an answer of another kind (a proxy's page) becomes `bad_response`. */
export async function errorFromResponse(response: Response): Promise<FlorinClientError> {
  const body: unknown = await response.json().catch(() => null);
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const more = { status: response.status, retryAfter: Number.isFinite(seconds) ? seconds : null };
  if (!isRecord(body) || typeof body['code'] !== 'string') {
    const message = `The service answered ${response.status}. Try again in a moment.`;
    return new FlorinClientError({ code: 'bad_response', message }, more);
  }
  const { code, detail, title, type: _type, status: _status, ...details } = body;
  const message = [detail, title, code].find((text) => typeof text === 'string') as string;
  return new FlorinClientError({ code: code as string, message }, { ...more, details });
}
