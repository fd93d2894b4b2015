import { connect, type Socket } from 'node:net';
import { type Cluster, newKey, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { path, serviceEnvironment, startServer } from '../server.ts';

const CALLERS = [16, 64];
const SERVER_KEY = 'Vb7kQ2mZr8tW5xYn1LpA9cFhJ3sDgUe4';

/** A spend through the built service in a process of its own, against a bare server in another. */
export async function openHttp(cluster: Cluster): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  const environment = serviceEnvironment(db.url, SERVER_KEY);
  const service = await startServer(
    [path('packages/florin/dist/cli/main.js'), 'serve'],
    environment,
  );
  const bare = await startServer(
    [path('node_modules/jiti/lib/jiti-cli.mjs'), path('bench/bare-server.ts')],
    environment,
  );
  const variants = async (name: string, url: URL) => {
    const most = Math.max(...CALLERS);
    const lines = await Promise.all(Array.from({ length: most }, () => openLine(url)));
    return {
      lines,
      variants: CALLERS.map((clients) => ({
        name: `${name}, ${clients}`,
        clients,
        call: async (client: number) => lines[client]?.ask(oneOf(ids)),
      })),
    };
  };
  const florin = await variants('service', service.url);
  const plain = await variants('bare', bare.url);
  return {
    variants: [...florin.variants, ...plain.variants],
    comparisons: CALLERS.map((callers, n) => ({
      what: `spend through HTTP against a bare Node \`http\` handler with the same query, ${callers} clients`,
      of: `service, ${callers}`,
      against: `bare, ${callers}`,
      reach: [0.8, 1.2][n] ?? 1,
    })),
    async close() {
      for (const line of [...florin.lines, ...plain.lines]) {
        line.end();
      }
      await Promise.all([service.stop(), bare.stop()]);
      await db.close();
    },
  };
}

/** A keep-alive connection with as little around it as possible: the client shares the machine. */
async function openLine(url: URL): Promise<{ ask(account: string): Promise<void>; end(): void }> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opening = connect(Number(url.port), url.hostname, () => resolve(opening));
    opening.once('error', reject);
  });
  socket.setNoDelay(true);
  const body = '{"amount":1}';
  return {
    ask: (account) =>
      new Promise((resolve, reject) => {
        let answer = '';
        const onData = (chunk: Buffer) => {
          answer += chunk.toString('latin1');
          if (!isWhole(answer)) {
            return;
          }
          socket.off('data', onData);
          if (answer.startsWith('HTTP/1.1 200')) {
            resolve();
          } else {
            reject(new Error(`The server refused: ${answer}`));
          }
        };
        socket.on('data', onData);
        socket.write(
          `POST /api/accounts/${account}/spend HTTP/1.1\r\nhost: ${url.host}\r\n` +
            `authorization: Bearer ${SERVER_KEY}\r\nidempotency-key: ${newKey()}\r\n` +
            `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
      }),
    end: () => socket.destroy(),
  };
}

function isWhole(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n');
  if (head < 0) {
    return false;
  }
  const length = /content-length: (\d+)/i.exec(answer.slice(0, head))?.[1];
  return length === undefined
    ? answer.endsWith('0\r\n\r\n')
    : answer.length >= head + 4 + Number(length);
}
