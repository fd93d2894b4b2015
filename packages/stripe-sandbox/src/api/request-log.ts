/** One request and its answer, as Stripe's dashboard keeps them. */
export type LoggedRequest = {
  readonly id: string;
  /** Epoch milliseconds of the real clock. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: string;
  readonly version: string;
  readonly idempotencyKey: string | null;
  readonly status: number;
  /** What it said that the sandbox does not play: nothing came of it. */
  readonly ignored: readonly string[];
  /** The answer's JSON. */
  readonly answer: string;
  readonly milliseconds: number;
};

/** The newest requests, in memory; older ones are forgotten. */
export type RequestLog = {
  add(request: LoggedRequest): void;
  /** Oldest first. */
  all(): readonly LoggedRequest[];
};

const KEPT = 1_000;

export function createRequestLog(): RequestLog {
  let kept: LoggedRequest[] = [];
  return {
    add(request) {
      kept.push(request);
      if (kept.length > 2 * KEPT) {
        kept = kept.slice(-KEPT);
      }
    },
    all: () => kept.slice(-KEPT),
  };
}
