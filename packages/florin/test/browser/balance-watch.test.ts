import { beforeEach, describe, expect, it } from 'vitest';
import { type Balance, createFlorinClient, type FlorinClient } from '../../src/browser/index.ts';
import { answerJson, FakeHost, problem, settle } from './fake-host.ts';

function balance(available: number): Balance {
  return { posted: available, held: 0, available, nextExpiryAt: null };
}

/** A stream that the test writes to. */
class Stream {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  cancelled = false;
  readonly response = new Response(
    new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.cancelled = true;
      },
    }),
    { headers: { 'content-type': 'text/event-stream; charset=utf-8' } },
  );

  write(text: string): Promise<void> {
    this.#controller?.enqueue(new TextEncoder().encode(text));
    return settle();
  }

  send(value: Balance): Promise<void> {
    return this.write(`event: balance\ndata: ${JSON.stringify(value)}\n\n`);
  }

  end(): Promise<void> {
    this.#controller?.close();
    return settle();
  }
}

let host: FakeHost;
let client: FlorinClient;
let streams: Stream[];
let seen: (number | string)[];
let errors: unknown[];
let stop: () => void;

beforeEach(() => {
  host = new FakeHost();
  streams = [];
  seen = [];
  errors = [];
  host.answer = ({ path }) => {
    if (path.startsWith('/api/balance/stream')) {
      const stream = new Stream();
      streams.push(stream);
      return stream.response;
    }
    return answerJson(balance(1));
  };
  client = createFlorinClient({ host, getAccessToken: () => 'token' });
});

async function watch(): Promise<void> {
  stop = client.watchBalance(({ available }) => seen.push(available), {
    onError: (error) => errors.push(error),
  });
  await settle();
}

describe('watching the balance', () => {
  it('hears of each change, however the bytes are cut, and authorizes itself', async () => {
    await watch();
    expect(host.asked[0]?.headers['authorization']).toBe('Bearer token');
    const text = `: hello\r\nevent: balance\r\ndata: ${JSON.stringify(balance(50))}\r\n\r\n`;
    for (const character of text) {
      await streams[0]?.write(character);
    }
    await streams[0]?.send(balance(45));
    await streams[0]?.send(balance(45));
    expect(seen).toEqual([50, 45]);
    stop();
  });

  it('hears of credits with decimals', async () => {
    await watch();
    await streams[0]?.send({ ...balance(50), available: '49.25' });
    await streams[0]?.send({ ...balance(50), available: 49 });
    expect(seen).toEqual(['49.25', 49]);
    expect(errors).toEqual([]);
    stop();
  });

  it('reconnects when the service closes the stream', async () => {
    await watch();
    await streams[0]?.send(balance(50));
    await streams[0]?.end();
    await host.pass(1_000);
    expect(streams).toHaveLength(2);
    await streams[1]?.send(balance(49));
    expect(seen).toEqual([50, 49]);
    stop();
  });

  it('waits longer after each failure', async () => {
    host.answer = () => problem(503, 'database_unavailable');
    await watch();
    await host.pass(999);
    expect(host.asked).toHaveLength(1);
    await host.pass(1);
    expect(host.asked).toHaveLength(2);
    await host.pass(1_999);
    expect(host.asked).toHaveLength(2);
    await host.pass(1);
    expect(host.asked).toHaveLength(3);
    expect(errors).toHaveLength(3);
    stop();
  });

  it('polls where streams do not get through, and tries the stream again later', async () => {
    let available = 10;
    host.answer = ({ path }) => {
      if (path.startsWith('/api/balance/stream')) {
        return new Response('blocked by a proxy');
      }
      available += 1;
      return answerJson(balance(available));
    };
    await watch();
    await host.pass(1_000 + 2_000 + 4_000);
    expect(seen).toEqual([11]);
    await host.pass(15_000);
    expect(seen).toEqual([11, 12]);
    const before = host.asked.length;
    await host.pass(20 * 15_000);
    const later = host.asked.slice(before).map(({ path }) => path);
    expect(later).toContain('/api/balance/stream');
    stop();
  });

  it('gives up on a stream that a proxy holds back', async () => {
    await watch();
    await host.pass(10_000);
    expect(errors).toMatchObject([{ code: 'timeout' }]);
    expect(streams[0]?.cancelled).toBe(true);
    stop();
  });

  it('notices a stream that died silently, but not one kept alive', async () => {
    await watch();
    await streams[0]?.send(balance(5));
    for (let beat = 0; beat < 4; beat += 1) {
      await host.pass(30_000);
      await streams[0]?.write(': still here\n\n');
    }
    expect(streams).toHaveLength(1);
    await host.pass(46_000);
    await host.pass(1_000);
    expect(streams).toHaveLength(2);
    stop();
  });

  it('rests while the page is hidden and catches up when it is shown', async () => {
    await watch();
    await streams[0]?.send(balance(5));
    host.hidden = true;
    host.emit('visibility');
    await host.pass(10 * 60_000);
    expect(streams).toHaveLength(1);
    expect(streams[0]?.cancelled).toBe(true);
    host.hidden = false;
    host.emit('visibility');
    await settle();
    expect(streams).toHaveLength(2);
    expect(errors).toEqual([]);
    stop();
  });

  it('tries at once when the network comes back', async () => {
    host.answer = () => Promise.reject(new TypeError('offline'));
    await watch();
    await host.pass(1_000 + 2_000);
    const before = host.asked.length;
    host.emit('online');
    await settle();
    expect(host.asked.length).toBe(before + 1);
    stop();
  });

  it('asks instead of streaming where another source announces changes', async () => {
    let available = 10;
    let changed = () => {};
    let left = 0;
    host.answer = () => answerJson(balance(available));
    stop = client.watchBalance((value) => seen.push(value.available), {
      subscribe(tell) {
        changed = tell;
        return () => {
          left += 1;
        };
      },
    });
    await settle();
    expect(seen).toEqual([10]);
    available = 4;
    changed();
    changed();
    await settle();
    expect(seen).toEqual([10, 4]);
    // What the source missed is found by asking now and then.
    available = 3;
    await host.pass(15_000);
    expect(seen).toEqual([10, 4, 3]);
    expect(host.asked.every(({ path }) => path === '/api/balance')).toBe(true);
    expect(host.asked.length).toBeLessThan(6);
    stop();
    expect(left).toBe(1);
    changed();
    await host.pass(60_000);
    expect(seen).toEqual([10, 4, 3]);
  });

  it('hears of a change that comes while it is asking', async () => {
    let changed = () => {};
    let answer: (response: Response) => void = () => {};
    host.answer = () =>
      new Promise<Response>((resolve) => {
        answer = resolve;
      });
    stop = client.watchBalance((value) => seen.push(value.available), {
      subscribe(tell) {
        changed = tell;
        return () => {};
      },
    });
    await settle();
    changed();
    answer(answerJson(balance(10)));
    await settle();
    await host.pass(0);
    answer(answerJson(balance(9)));
    await settle();
    expect(seen).toEqual([10, 9]);
    stop();
  });

  it('survives an answer that is no balance', async () => {
    await watch();
    await streams[0]?.write('event: balance\ndata: {{\n\n');
    expect(errors).toHaveLength(1);
    await host.pass(1_000);
    await streams[1]?.send(balance(7));
    expect(seen).toEqual([7]);
    stop();
  });

  it('leaves nothing behind when it is stopped', async () => {
    const before = host.listeners;
    await watch();
    await streams[0]?.send(balance(5));
    stop();
    await settle();
    expect(host.listeners).toBe(before);
    expect(streams[0]?.cancelled).toBe(true);
    await host.pass(60_000);
    expect(streams).toHaveLength(1);
  });
});
