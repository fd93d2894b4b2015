import { expect, it } from 'vitest';
import { createPace } from './pace.ts';

function openPace() {
  let ms = 1_000;
  const pace = createPace({ perSecond: 5, maxWaitMs: 1_000, now: () => ms });
  return {
    pass: (more: number) => {
      ms += more;
    },
    take: (count: number, key = 'a') => Array.from({ length: count }, () => pace(key)),
  };
}

it("a second's worth goes at once, the next wait in order, and what would wait too long is refused", () => {
  const { take } = openPace();
  expect(take(12)).toEqual([
    ...[0, 0, 0, 0, 0],
    ...[200, 400, 600, 800, 1_000],
    ...[undefined, undefined],
  ]);
});

it('a refusal takes nothing, and one key nothing of another', () => {
  const { take, pass } = openPace();
  take(50);
  expect(take(1, 'b')).toEqual([0]);
  pass(200);
  expect(take(2)).toEqual([1_000, undefined]);
  pass(2_000);
  expect(take(6)).toEqual([0, 0, 0, 0, 0, 200]);
});

it('never lets more through in a time than its rate and one burst', () => {
  const { take, pass } = openPace();
  let sent = 0;
  for (let ms = 0; ms < 60_000; ms += 10) {
    sent += take(3).filter((wait) => wait !== undefined).length;
    pass(10);
  }
  expect(sent).toBeLessThanOrEqual(60 * 5 + 5 + 5);
});
