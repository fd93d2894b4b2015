import { describe, expect, it } from 'vitest';
import { backoff } from './index.ts';

describe('the wait after failures in a row', () => {
  it('doubles from the first up to the limit, and stays there however many there are', () => {
    const waits = [1, 2, 3, 6, 7, 10_000].map((failures) =>
      backoff(failures, { first: 10, max: 600 }),
    );
    expect(waits).toEqual([10, 20, 40, 320, 600, 600]);
  });

  it('is the first where nothing has failed yet', () => {
    expect(backoff(0, { first: 10, max: 600 })).toBe(10);
  });
});
