/**
 * `npm run load`: signed deliveries at a steady rate over HTTP, on a ledger that is long already, with
 * spends and balance reads beside them (B13). The rate is kept whatever the service does: a late answer
 * makes no later question, and what waits counts as waiting. Fails when anything was lost or refused.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type BenchDatabase, newKey, oneOf, openAccounts, startCluster } from './cluster.ts';
import { path, type Server, serviceEnvironment, startServer, WEBHOOK_SECRET } from './server.ts';

const SERVER_KEY = 'Vb7kQ2mZr8tW5xYn1LpA9cFhJ3sDgUe4';
const PRICE = 'price_QUICK_SCAN';
const BATCH = 10_000;
const TICK_MS = 10;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    rate: { type: 'string', default: '500' },
    rows: { type: 'string', default: '1000000' },
    beside: { type: 'string', default: '50' },
    help: { type: 'boolean', default: false },
  },
});

const USAGE = `npm run load -- [--seconds <n>] [--rate <n>] [--rows <n>] [--beside <n>]

  --seconds  how long (default 600)
  --rate     deliveries a second (default 500)
  --rows     ledger rows that are there before (default 1000000)
  --beside   spends a second, and balance reads a second, beside them (default 50)
`;

type Kind = 'delivery' | 'spend' | 'balance';
type Sent = { readonly kind: Kind; readonly ms: number; readonly status: number };

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** One request; its status, 0 when there was no answer. */
function ask(
  server: Server,
  call: { method: string; path: string; headers: Record<string, string>; body?: string },
): Promise<number> {
  return new Promise((resolve) => {
    const { method, path: target, headers, body } = call;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = request(
      {
        agent,
        host: server.url.hostname,
        port: server.url.port,
        method,
        path: target,
        headers: { ...headers, ...length },
      },
      (incoming) => {
        incoming.resume();
        incoming.once('end', () => resolve(incoming.statusCode ?? 0));
        incoming.once('error', () => resolve(0));
      },
    );
    outgoing.once('error', () => resolve(0));
    outgoing.end(body);
  });
}

function delivery(account: string) {
  const id = randomUUID().replaceAll('-', '');
  const body = JSON.stringify({
    id: `evt_${id}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: Math.floor(Date.now() / 1000),
    type: 'checkout.session.completed',
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    data: {
      object: {
        id: `cs_${id}`,
        object: 'checkout.session',
        mode: 'payment',
        status: 'complete',
        payment_status: 'paid',
        amount_total: 500,
        currency: 'usd',
        customer: null,
        client_reference_id: account,
        metadata: {},
        payment_intent: `pi_${id}`,
        invoice: null,
        subscription: null,
        line_items: {
          object: 'list',
          has_more: false,
          data: [
            {
              id: `li_${id}`,
              object: 'item',
              amount_subtotal: 500,
              amount_total: 500,
              amount_discount: 0,
              currency: 'usd',
              quantity: 1,
              description: PRICE,
              price: { id: PRICE, object: 'price', lookup_key: null, unit_amount: 500 },
            },
          ],
        },
      },
    },
  });
  const at = Math.floor(Date.now() / 1000);
  const v1 = createHmac('sha256', WEBHOOK_SECRET).update(`${at}.${body}`).digest('hex');
  const headers = { 'stripe-signature': `t=${at},v1=${v1}`, 'content-type': 'application/json' };
  return { method: 'POST', path: '/api/stripe/webhook', headers, body };
}

const asServer = { authorization: `Bearer ${SERVER_KEY}` };

function spend(account: string) {
  const headers = {
    ...asServer,
    'content-type': 'application/json',
    'idempotency-key': newKey(),
  };
  return { method: 'POST', path: `/api/accounts/${account}/spend`, headers, body: '{"amount":1}' };
}

function balance(account: string) {
  return { method: 'GET', path: `/api/accounts/${account}`, headers: asServer };
}

/** Spends until the ledger has this many rows. */
async function fill(db: BenchDatabase, accounts: readonly string[], rows: number): Promise<void> {
  const [client] = await db.clients(1);
  for (let made = accounts.length; made < rows; made += BATCH) {
    const size = Math.min(BATCH, rows - made);
    await client?.query(
      'select count(*) from credits.spend_batch($1::uuid[], $2::bigint[], $3::text[])',
      [
        Array.from({ length: size }, (_, n) => accounts[(made + n) % accounts.length]),
        Array.from({ length: size }, () => 1),
        Array.from({ length: size }, (_, n) => `before:${made + n}`),
      ],
    );
  }
  await db.asAdmin('vacuum analyze', 'checkpoint');
}

/** What the process holds in memory, in MiB. */
async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
}

function percentile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

async function main(): Promise<boolean> {
  const [seconds, rate, rows, beside] = [
    values.seconds,
    values.rate,
    values.rows,
    values.beside,
  ].map(Number) as [number, number, number, number];
  const cluster = await startCluster();
  const db = await cluster.database();
  const accounts = await openAccounts(db);
  await fill(db, accounts, rows);
  const server = await startServer(
    [path('packages/florin/dist/cli/main.js'), 'serve'],
    serviceEnvironment(db.url, SERVER_KEY),
  );
  const sent: Sent[] = [];
  const memory: number[] = [];
  const open = new Set<Promise<void>>();
  const send = (kind: Kind, due: number, call: Parameters<typeof ask>[1]) => {
    const work = ask(server, call).then((status) => {
      sent.push({ kind, status, ms: performance.now() - due });
    });
    open.add(work);
    work.finally(() => open.delete(work));
  };
  try {
    const start = performance.now();
    const made: Record<Kind, number> = { delivery: 0, spend: 0, balance: 0 };
    let nextLook = 0;
    for (let now = 0; now < seconds * 1_000; now = performance.now() - start) {
      for (; made.delivery < (now * rate) / 1_000; made.delivery += 1) {
        send('delivery', start + (made.delivery * 1_000) / rate, delivery(oneOf(accounts)));
      }
      for (; made.spend < (now * beside) / 1_000; made.spend += 1) {
        send('spend', start + (made.spend * 1_000) / beside, spend(oneOf(accounts)));
        send('balance', start + (made.spend * 1_000) / beside, balance(oneOf(accounts)));
      }
      if (now >= nextLook) {
        memory.push(await memoryOf(server.pid));
        nextLook = now + (seconds * 1_000) / 20;
      }
      await wait(TICK_MS);
    }
    await Promise.all(open);
    memory.push(await memoryOf(server.pid));
    const [client] = await db.clients(1);
    const counted = await client?.query<{ credited: number; unfinished: number; faults: number }>(
      `select (select count(*) from credits.entries where idempotency_key like 'florin:checkout:%')::int as credited,
              (select count(*) from billing.events where status <> 'processed')::int as unfinished,
              (select count(*) from credits.verify_ledger())::int as faults`,
    );
    const { credited, unfinished, faults } = counted?.rows[0] ?? {
      credited: 0,
      unfinished: 0,
      faults: 1,
    };
    const say = (text: string) => process.stdout.write(`${text}\n`);
    say(
      `${rate} deliveries/s for ${seconds} s on ${rows} ledger rows, ${beside} spends/s and ${beside} account reads/s beside;`,
    );
    say(
      `PostgreSQL ${cluster.version} (${cluster.settings}), 8 kB write and fdatasync ${cluster.syncMs.toFixed(2)} ms; 2 cores shared with the sender.`,
    );
    let isRight = credited === made.delivery && unfinished === 0 && faults === 0;
    for (const kind of ['delivery', 'spend', 'balance'] as const) {
      const own = sent.filter((one) => one.kind === kind);
      const failed = own.filter(({ status }) => status !== 200).length;
      const times = own.map(({ ms }) => ms).sort((a, b) => a - b);
      isRight &&= failed === 0;
      say(
        `${kind}: ${own.length} answered, ${failed} failed; ms p50 ${percentile(times, 0.5)}, p99 ${percentile(times, 0.99)}, most ${percentile(times, 1)}`,
      );
    }
    say(
      `credited ${credited} of ${made.delivery}, unfinished ${unfinished}, ledger faults ${faults}; memory MiB ${memory.join(' ')}`,
    );
    return isRight;
  } finally {
    await server.stop();
    agent.destroy();
    await db.close();
    await cluster.stop();
  }
}

if (values.help) {
  process.stdout.write(USAGE);
} else {
  process.exitCode = (await main()) ? 0 : 1;
}
