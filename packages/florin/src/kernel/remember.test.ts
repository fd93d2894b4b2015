import { expect, it } from 'vitest';
import { createMemory } from './remember.ts';

function openMemory(atMost = 2) {
  let ms = 0;
  let asked = 0;
  const remember = createMemory<number>({
    forMs: 1_000,
    atMost,
    clock: { now: () => new Date(ms) },
  });
  return {
    pass: (more: number) => {
      ms += more;
    },
    ask: (key: string) =>
      remember(key, async () => {
        asked += 1;
        return asked;
      }),
    fail: (key: string) => remember(key, () => Promise.reject(new Error('away'))),
  };
}

it('calls of one key share the first answer until its time is over', async () => {
  const { ask, pass } = openMemory();
  expect(await Promise.all([ask('a'), ask('a'), ask('b')])).toEqual([1, 1, 2]);
  pass(999);
  expect(await ask('a')).toBe(1);
  pass(1);
  expect(await ask('a')).toBe(3);
});

it('a failure is shared for as long as an answer is', async () => {
  const { ask, fail, pass } = openMemory();
  await expect(fail('a')).rejects.toThrow('away');
  await expect(ask('a')).rejects.toThrow('away');
  pass(1_000);
  expect(await ask('a')).toBe(1);
});

it('the key asked for longest ago is forgotten first', async () => {
  const { ask, pass } = openMemory();
  await ask('a');
  await ask('b');
  pass(1_000);
  await ask('a');
  await ask('c');
  expect(await ask('a')).toBe(3);
  expect(await ask('b')).toBe(5);
});
