import { expect, it } from 'vitest';
import { createRateLimits, DEFAULT_LIMITS } from './rate-limits.ts';

function openLimits(checkout: number) {
  let ms = 0;
  const { take } = createRateLimits({ ...DEFAULT_LIMITS, checkout }, () => ms);
  const outcome = (key?: string) =>
    take('checkout', key).then(
      () => 'taken',
      (error) => error.details.retryAfter,
    );
  return {
    outcome,
    pass: (more: number) => {
      ms += more;
    },
  };
}

it('a key that is full waits for the end of the minute that its first request began', async () => {
  const { outcome, pass } = openLimits(2);
  expect(await outcome('a')).toBe('taken');
  pass(20_500);
  expect([await outcome('a'), await outcome('a'), await outcome('a')]).toEqual(['taken', 40, 40]);
  pass(39_499);
  expect(await outcome('a')).toBe(1);
  pass(1);
  expect([await outcome('a'), await outcome('a'), await outcome('a')]).toEqual([
    ...['taken', 'taken'],
    60,
  ]);
});

it('one key takes nothing of another, one limit nothing of another, and no key is not counted', async () => {
  let ms = 0;
  const limits = createRateLimits({ ...DEFAULT_LIMITS, checkout: 1, stripe: 1 }, () => ms);
  await limits.take('checkout', 'a');
  await limits.take('checkout', 'b');
  await limits.take('stripe', 'a');
  await limits.take('checkout', undefined);
  await limits.take('checkout', undefined);
  ms = 59_999;
  await expect(limits.take('checkout', 'b')).rejects.toMatchObject({ code: 'rate_limited' });
  ms = 60_000;
  await limits.take('checkout', 'b');
});
