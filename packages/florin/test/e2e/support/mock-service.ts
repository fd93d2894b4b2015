import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { type Credit, WHOLE_CREDITS } from '../../../src/credit/index.ts';
import { contractFault } from '../../support/contract.ts';

/**
 * The service as the pages see it, with every answer settable: for the states of the pages only
 * (loading, empty, refused, late). What the product does is tested against the product.
 */
export type Mock = {
  readonly url: string;
  /** Answers by `METHOD /path`; a function is called with the body. */
  readonly answers: Map<string, Answer>;
  readonly asked: { method: string; path: string; body: unknown }[];
  /** Answers that the service could not give: the contract says otherwise. */
  readonly faults: string[];
  /** Sends the balance to every open stream. */
  pushBalance(balance: unknown): void;
  close(): Promise<void>;
};

export type Answer =
  | { readonly status?: number; readonly body?: unknown; readonly never?: boolean }
  | ((body: unknown, path: string) => { readonly status?: number; readonly body?: unknown });

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** No inline scripts or styles, nothing from elsewhere: as strict as the service's own. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const NOT_FOUND = { status: 404, body: { code: 'not_found', title: 'Not found' } };
const PROBLEM = { type: 'urn:florin:problem', title: '', code: '', detail: '', requestId: 'mock' };

export async function startMock(pages: string, credit: Credit = WHOLE_CREDITS): Promise<Mock> {
  const answers = new Map<string, Answer>();
  const asked: Mock['asked'] = [];
  const faults: string[] = [];
  const streams = new Set<ServerResponse>();

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://mock');
    const method = request.method ?? 'GET';
    if (!pathname.startsWith('/api/') && !pathname.startsWith('/auth/')) {
      return page(pages, pathname, response);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
    }
    const text = Buffer.concat(chunks).toString();
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    asked.push({ method, path: request.url ?? '', body });
    if (pathname === '/api/balance/stream' && !answers.has('GET /api/balance/stream')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      streams.add(response);
      response.on('close', () => streams.delete(response));
      const balance = answers.get('GET /api/balance');
      const now = typeof balance === 'function' ? balance(undefined, pathname) : balance;
      response.write(`event: balance\ndata: ${JSON.stringify(now?.body)}\n\n`);
      return;
    }
    const found = answers.get(`${method} ${pathname}`) ?? answers.get(pathname);
    const answer = typeof found === 'function' ? found(body, request.url ?? '') : found;
    if (answer !== undefined && 'never' in answer && answer.never === true) {
      return;
    }
    const { status = 200, body: given } = answer ?? NOT_FOUND;
    const isProblem = status >= 400 && pathname.startsWith('/api/');
    const type = isProblem ? 'application/problem+json' : 'application/json';
    const said = isProblem ? { ...PROBLEM, status, ...(given as object) } : given;
    const json = said === undefined ? undefined : JSON.stringify(said);
    const fault = contractFault(
      { method, path: pathname },
      { status, type, body: json === undefined ? undefined : JSON.parse(json) },
      credit,
    );
    if (fault !== undefined) {
      faults.push(fault);
    }
    response.writeHead(status, { 'content-type': type });
    response.end(json);
  }

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}`,
    answers,
    asked,
    faults,
    pushBalance(balance) {
      for (const stream of streams) {
        stream.write(`event: balance\ndata: ${JSON.stringify(balance)}\n\n`);
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function page(pages: string, pathname: string, response: ServerResponse): Promise<void> {
  if (pathname === '/elsewhere') {
    // Where Stripe's own pages would be.
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><title>Elsewhere</title><h1>Elsewhere</h1>');
    return;
  }
  const name = pathname === '/' ? '/index.html' : pathname === '/admin' ? '/admin.html' : pathname;
  const path = join(pages, normalize(name));
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'content-security-policy': CONTENT_SECURITY_POLICY,
  });
  createReadStream(path).pipe(response);
}
