import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Served } from '../support/served.ts';
import { errorsOf, expectGood, openRaw, rawStatuses, startTarget } from './target.ts';

const STATUS_OF_SMUGGLING = [400, 405, 413, 431, 501, 505];
const HOST = 'host: attacked.example';
const SMUGGLED = 'GET /api/config HTTP/1.1\r\nhost: x\r\n\r\n';

describe('a service keeps working after', { timeout: 60_000 }, () => {
  let served: Served;
  beforeAll(async () => {
    served = await startTarget();
    await expectGood(served);
  }, 240_000);
  afterAll(() => served?.close());
  afterEach(async () => {
    await expectGood(served);
    expect(await errorsOf(served)).toEqual([]);
  });

  describe('request smuggling', () => {
    const post = (headers: string, body: string) =>
      `POST /api/stripe/webhook HTTP/1.1\r\n${HOST}\r\n${headers}\r\n\r\n${body}`;
    it.each([
      [
        'Content-Length beside chunks',
        post('content-length: 6\r\ntransfer-encoding: chunked', `0\r\n\r\n${SMUGGLED}`),
      ],
      ['two lengths', post('content-length: 0\r\ncontent-length: 40', SMUGGLED)],
      ['two lengths in one', post('content-length: 0, 40', SMUGGLED)],
      ['an unknown coding', post('transfer-encoding: xchunked', `0\r\n\r\n${SMUGGLED}`)],
      [
        'a coding after chunked',
        post('transfer-encoding: chunked, identity', `0\r\n\r\n${SMUGGLED}`),
      ],
      [
        'a space before the colon',
        post('content-length : 0\r\ntransfer-encoding : chunked', SMUGGLED),
      ],
      ['a length in hex', post('content-length: 0x10', SMUGGLED)],
      ['a negative length', post('content-length: -1', SMUGGLED)],
      ['a length beyond 64 bits', post(`content-length: ${'9'.repeat(30)}`, SMUGGLED)],
      [
        'a bare line feed',
        `POST /api/stripe/webhook HTTP/1.1\n${HOST}\ncontent-length: 0\n\n${SMUGGLED}`,
      ],
      ['a bare carriage return', `GET / HTTP/1.1\r${HOST}\r\r${SMUGGLED}`],
      [
        'a folded header',
        post('x-a: b\r\n c\r\ncontent-length: 0\r\n transfer-encoding: chunked', SMUGGLED),
      ],
      ['an absurd chunk', post('transfer-encoding: chunked', `fffffffffffffffff\r\n${SMUGGLED}`)],
      [
        'a chunk with an extension of 100 kB',
        post('transfer-encoding: chunked', `1;${'x'.repeat(100_000)}\r\na\r\n0\r\n\r\n`),
      ],
      ['NUL in a header', post('x-a: b\0c\r\ncontent-length: 0', '')],
      ['headers of 40 kB', post(`x-a: ${'b'.repeat(40_000)}`, '')],
      [
        '3,000 headers',
        post(Array.from({ length: 3_000 }, (_, n) => `x-${n}: ${n}`).join('\r\n'), ''),
      ],
      ['HTTP/3.0', `GET / HTTP/3.0\r\n${HOST}\r\n\r\n`],
      ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
      ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ])('%s: nothing behind it is answered', async (_what, bytes) => {
      const statuses = await rawStatuses(served, bytes, 500);
      expect(statuses.length).toBeLessThanOrEqual(1);
      expect(statuses.every((status) => STATUS_OF_SMUGGLING.includes(status))).toBe(true);
    });
    it('two honest requests on one connection, which are both answered', async () => {
      const statuses = await rawStatuses(served, SMUGGLED + SMUGGLED, 500);
      expect(statuses).toEqual([200, 200]);
    });
  });

  it('connections that are cut in head and body', async () => {
    const lines = [
      'GET /api/ba',
      `POST /api/stripe/webhook HTTP/1.1\r\n${HOST}\r\ncontent-length: 999\r\n\r\n{"id"`,
    ];
    const all = Array.from({ length: 100 }, (_, n) => openRaw(served, lines[n % 2] ?? ''));
    await Promise.all(all.map(({ sent }) => sent));
    for (const { socket } of all) {
      socket.resetAndDestroy();
    }
    await Promise.all(all.map(({ ended }) => ended));
  });
});

describe('a service that stops working', () => {
  const broken = async (answer: RequestListener) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return expectGood({ url, ask: (path) => fetch(url + path) });
  };
  it('is noticed when spends fail though it says that it is ready', async () => {
    const poisoned = broken((request, response) => {
      response.writeHead(request.url === '/readyz' ? 200 : 500).end('{"code":"internal"}');
    });
    await expect(poisoned).rejects.toThrow('500 {"code":"internal"}, /readyz 200');
  });
  it('is noticed when it is slow', async () => {
    const slow = broken((_request, response) => {
      setTimeout(() => response.writeHead(200).end(), 3_100);
    });
    await expect(slow).rejects.toThrow('milliseconds of a good request');
  });
});
