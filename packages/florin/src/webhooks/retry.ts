/** Attempts before an event is given up: with the gaps below about two and a half days. */
export const MAX_ATTEMPTS = 20;

const FIRST_GAP_SECONDS = 10;
const MAX_GAP_SECONDS = 6 * 60 * 60;

/** Seconds until the next attempt: doubling from 10 s up to 6 h, spread by half in either direction. */
export function secondsUntilRetry(attempts: number, random: () => number): number {
  const doubled = FIRST_GAP_SECONDS * 2 ** Math.max(0, attempts - 1);
  return Math.min(MAX_GAP_SECONDS, doubled) * (0.5 + random());
}
