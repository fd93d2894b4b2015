import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach } from 'vitest';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer than a test takes that counts in an hour, and one that plays in a browser and counts in a day. */
const BEFORE_HOUR_MS = 15_000;
const BEFORE_DAY_MS = 60_000;

// Limits, usage and the pages count by calendar, and so do their tests: one that began at 23:59:59 would spend
// in one day and look in the next. It begins in the next instead. Months begin with a day.
beforeEach(async () => {
  const now = Date.now();
  const local = now - new Date(now).getTimezoneOffset() * 60_000;
  const toDay = Math.min(DAY_MS - (now % DAY_MS), DAY_MS - (local % DAY_MS));
  const toHour = HOUR_MS - (now % HOUR_MS);
  if (toDay < BEFORE_DAY_MS || toHour < BEFORE_HOUR_MS) {
    await pause(Math.min(toDay, toHour));
  }
}, 2 * BEFORE_DAY_MS);
