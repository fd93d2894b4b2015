/**
 * Calls the example's route handlers as Next.js does: the file's export named as the method, with a
 * Request whose body streams and the context of the route; 405 for a method that the file lacks.
 */
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import * as florin from '../../../../../examples/next/app/api/[...florin]/route.ts';
import * as cron from '../../../../../examples/next/app/api/cron/route.ts';
import { florin as service } from '../../../../../examples/next/lib/florin.ts';

type Context = { params: Promise<Record<string, string[]>> };
type Handler = (request: Request, context: Context) => Response | Promise<Response>;
type Methods = Partial<Record<string, Handler>>;

const server = createServer(async (incoming, outgoing) => {
  const url = new URL(incoming.url ?? '/', `http://${incoming.headers.host}`);
  const methods: Methods = url.pathname === '/api/cron' ? cron : florin;
  const handler = methods[incoming.method ?? 'GET'];
  if (handler === undefined) {
    outgoing.writeHead(405).end();
    return;
  }
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const hasBody = !['GET', 'HEAD'].includes(incoming.method ?? 'GET');
  const request = new Request(url, {
    method: incoming.method ?? 'GET',
    headers: Object.entries(incoming.headers) as [string, string][],
    signal: gone.signal,
    ...(hasBody ? { body: Readable.toWeb(incoming), duplex: 'half' } : {}),
  } as RequestInit);
  const params = Promise.resolve({ florin: url.pathname.split('/').slice(2) });
  const response = await handler(request, { params });
  // A body that the handler left unread would be taken for the connection's next request.
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    connection: 'close',
  });
  if (response.body === null) {
    outgoing.end();
    return;
  }
  Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
    .on('error', () => outgoing.destroy())
    .pipe(outgoing)
    .on('close', () => response.body?.cancel().catch(() => undefined));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(
    `listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`,
  );
});
process.once('SIGTERM', async () => {
  service.endStreams();
  server.close();
  await service.close();
});
