import { backoff } from '../kernel/index.ts';

/** Attempts before an event is given up: with the gaps below about two and a half days. */
export const MAX_ATTEMPTS = 20;

const GAP_SECONDS = { first: 10, max: 6 * 60 * 60 };

/** Seconds until the next attempt: doubling from 10 s up to 6 h, spread by half in either direction. */
export function secondsUntilRetry(attempts: number, random: () => number): number {
  return backoff(attempts, GAP_SECONDS) * (0.5 + random());
}
