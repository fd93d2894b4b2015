import { describe, expect, it } from 'vitest';
import { FlorinError } from '../kernel/index.ts';
import { createGate } from './gate.ts';
import { createShares } from './shares.ts';

const refusal = () => new FlorinError('account_busy', 'busy');
const options = { max: 2, maxWaiting: 10, waitMs: 60_000, refusal };

describe('a gate', () => {
  it('lets so many through at a time, and the rest in the order in which they came', async () => {
    const gate = createGate(options);
    const [first, second] = await Promise.all([gate.enter(), gate.enter()]);
    const order: number[] = [];
    const later = [3, 4].map(async (n) => {
      const leave = await gate.enter();
      order.push(n);
      return leave;
    });
    expect(gate.waiting).toBe(2);
    first();
    const third = await later[0];
    expect(order).toEqual([3]);
    second();
    const fourth = await later[1];
    expect(order).toEqual([3, 4]);
    third?.();
    fourth?.();
    expect(gate).toMatchObject({ idle: true, waiting: 0 });
  });

  it('refuses whoever comes when too many wait', async () => {
    const gate = createGate({ ...options, max: 1, maxWaiting: 1 });
    const leave = await gate.enter();
    const waiting = gate.enter();
    await expect(gate.enter()).rejects.toMatchObject({ code: 'account_busy' });
    leave();
    (await waiting)();
    expect(gate.idle).toBe(true);
  });

  it('refuses whoever has waited too long, and passes their turn on', async () => {
    const gate = createGate({ ...options, max: 1, waitMs: 5 });
    const leave = await gate.enter();
    await expect(gate.enter()).rejects.toMatchObject({ code: 'account_busy' });
    leave();
    (await gate.enter())();
    expect(gate).toMatchObject({ idle: true, waiting: 0 });
  });
});

describe("the shares of a pool's connections", () => {
  const plain = { reserved: false };

  it('leave half of them to others, however many one account asks for', async () => {
    for (const [max, share] of [
      [10, 2],
      [3, 1],
      [1, 1],
    ] as const) {
      const shares = createShares({ max, reserved: 0, waitMs: 60_000 });
      let inside = 0;
      for (let n = 0; n < 10; n += 1) {
        void shares.enter({ lane: 'a', reserved: false }).then(() => {
          inside += 1;
        });
      }
      await new Promise(setImmediate);
      expect(inside).toBe(share);
      expect(shares.waiting).toBe(10 - share);
    }
  });

  it('keep some for reserved use', async () => {
    const shares = createShares({ max: 3, reserved: 1, waitMs: 5 });
    await Promise.all([shares.enter(plain), shares.enter(plain)]);
    await expect(shares.enter(plain)).rejects.toMatchObject({ code: 'database_unavailable' });
    await expect(shares.enter({ reserved: true })).resolves.toBeTypeOf('function');
  });

  it('come back when a caller could not get both of its two', async () => {
    const shares = createShares({ max: 2, reserved: 1, waitMs: 5 });
    const leave = await shares.enter(plain);
    const laned = { lane: 'a', reserved: false };
    await expect(shares.enter(laned)).rejects.toMatchObject({ code: 'database_unavailable' });
    leave();
    (await shares.enter(laned))();
    (await shares.enter(plain))();
    expect(shares).toMatchObject({ waiting: 0, refused: 0 });
  });
});
