import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Cluster, newKey, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';

const CLIENTS = 16;
const SERVER_KEY = 'Vb7kQ2mZr8tW5xYn1LpA9cFhJ3sDgUe4';
const root = new URL('../../', import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, root));

/** A spend through the built service in a process of its own, against a bare server in another. */
export async function openHttp(cluster: Cluster): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  const environment = {
    DATABASE_URL: db.url,
    STRIPE_SECRET_KEY: 'sk_test_51Bench7mark',
    STRIPE_WEBHOOK_SECRET: 'whsec_4c8e1f7a9b3d5260',
    // Nobody there: no job of the service finds work at Stripe.
    STRIPE_API_BASE: 'http://127.0.0.1:9',
    SUPABASE_URL: 'http://127.0.0.1:9',
    JWT_SECRET: 'p3v9Q2mZr8tW5xYb1nLpA7cFhJ0sDgUe',
    FLORIN_SECRET_KEY: SERVER_KEY,
    APP_URL: 'http://127.0.0.1:4242',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'warn',
  };
  const service = await startServer([path('dist/cli/main.js'), 'serve'], environment);
  const bare = await startServer(
    [path('node_modules/jiti/lib/jiti-cli.mjs'), path('bench/bare-server.ts')],
    environment,
  );
  const variant = async (name: string, url: URL) => {
    const lines = await Promise.all(Array.from({ length: CLIENTS }, () => openLine(url)));
    return {
      lines,
      variant: {
        name,
        clients: CLIENTS,
        call: async (client: number) => lines[client]?.ask(oneOf(ids)),
      },
    };
  };
  const florin = await variant('service', service.url);
  const plain = await variant('bare', bare.url);
  return {
    variants: [florin.variant, plain.variant],
    comparisons: [
      {
        what: `spend through HTTP against a bare Node \`http\` handler with the same query, ${CLIENTS} clients`,
        of: 'service',
        against: 'bare',
        reach: 0.8,
      },
    ],
    async close() {
      for (const line of [...florin.lines, ...plain.lines]) {
        line.end();
      }
      await Promise.all([service.stop(), bare.stop()]);
      await db.close();
    },
  };
}

type Server = { readonly url: URL; stop(): Promise<void> };

/** Starts a program that says `listening on <url>`, with nothing of this process's settings. */
async function startServer(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Server> {
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: path('.'),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const url = await new Promise<URL>((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /listening on (http:\S+)/.exec(said)?.[1];
      if (found !== undefined) {
        resolve(new URL(found));
      }
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('close', () => reject(new Error(`The server did not start: ${said}`)));
  });
  return {
    url,
    stop() {
      child.kill('SIGTERM');
      return ended;
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
