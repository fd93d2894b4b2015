/**
 * How long to wait after the `failures`-th failure in a row, from 1: `first`, and twice as long after each
 * further one, up to `max`. In the unit of both. Without jitter: who calls it adds what it needs.
 */
export function backoff(failures: number, { first, max }: { first: number; max: number }): number {
  return Math.min(max, first * 2 ** Math.max(0, failures - 1));
}
