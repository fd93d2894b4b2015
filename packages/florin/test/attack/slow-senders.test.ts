import { expect, it } from 'vitest';
import { errorsOf, expectGood, openRaw, startTarget } from './target.ts';

/** A letter a second, each on its own connection: fast enough for any limit of a single read. */
const SENDERS = 100;
const HEAD = 'GET /api/config HTTP/1.1\r\nhost: attacked.example\r\nx-slow: ';
const BODY =
  'POST /api/stripe/webhook HTTP/1.1\r\nhost: attacked.example\r\ncontent-length: 5000\r\n\r\n';

it('senders that never finish keep nobody waiting, and are cut off in the end', {
  timeout: 240_000,
}, async () => {
  const served = await startTarget();
  try {
    await expectGood(served);
    const senders = Array.from({ length: SENDERS }, (_, n) => {
      const sender = openRaw(served, n % 2 === 0 ? HEAD : BODY);
      const drip = setInterval(() => sender.socket.write('a'), 1_000);
      return sender.ended.finally(() => clearInterval(drip));
    });
    const all = Promise.all(senders);
    let isOver = false;
    all.then(() => {
      isOver = true;
    });
    while (!isOver) {
      await expectGood(served);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const open = await all;
    expect(Math.max(...open.filter((_, n) => n % 2 === 0))).toBeLessThan(25_000);
    expect(Math.max(...open.filter((_, n) => n % 2 === 1))).toBeLessThan(40_000);
    expect(await errorsOf(served)).toEqual([]);
  } finally {
    await served.close();
  }
});
