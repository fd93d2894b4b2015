/** What callers and Stripe send to a running service, at a steady rate. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { newKey, oneOf } from './cluster.ts';
import { newPurchase } from './purchase.ts';
import { type Server, WEBHOOK_SECRET } from './server.ts';

export const SERVER_KEY = 'Vb7kQ2mZr8tW5xYn1LpA9cFhJ3sDgUe4';
const TICK_MS = 5;
/** A service that is so far behind does not hold the rate, whatever comes. */
const MAX_WAITING = 5_000;

export const KINDS = ['delivery', 'spend', 'balance'] as const;
export type Kind = (typeof KINDS)[number];

export type Pace = {
  readonly seconds: number;
  /** Deliveries a second; spends a second, and balance reads a second, beside them. */
  readonly rate: number;
  readonly beside: number;
};

export type Answers = {
  /** Milliseconds from when it was due until it was answered, in order of size. */
  readonly times: readonly number[];
  readonly failed: number;
};

export type Phase = {
  readonly pace: Pace;
  readonly answers: Readonly<Record<Kind, Answers>>;
  /** The service's resident memory in MiB, at equal distances. */
  readonly memory: readonly number[];
  /** Seconds of processor time a second. */
  readonly processors: { readonly sender: number; readonly service: number; readonly all: number };
};

type Call = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

/**
 * Sends for a while. The rate is kept whatever the service does: a late answer makes no later question,
 * and what waits counts as waiting.
 */
export async function run(server: Server, accounts: readonly string[], pace: Pace): Promise<Phase> {
  const { seconds, rate, beside } = pace;
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const times: Record<Kind, number[]> = { delivery: [], spend: [], balance: [] };
  const failed: Record<Kind, number> = { delivery: 0, spend: 0, balance: 0 };
  const memory: number[] = [];
  const open = new Set<Promise<void>>();
  const send = (kind: Kind, due: number, call: Call) => {
    const work = ask({ server, agent, call }).then((status) => {
      times[kind].push(performance.now() - due);
      failed[kind] += status === 200 ? 0 : 1;
      open.delete(work);
    });
    open.add(work);
  };
  const before = await processorSeconds(server.pid);
  const start = performance.now();
  let deliveries = 0;
  let others = 0;
  let looks = 0;
  for (let now = 0; now < seconds * 1_000; now = performance.now() - start) {
    for (; deliveries < (now * rate) / 1_000; deliveries += 1) {
      send('delivery', start + (deliveries * 1_000) / rate, delivery(oneOf(accounts)));
    }
    for (; others < (now * beside) / 1_000; others += 1) {
      const due = start + (others * 1_000) / beside;
      send('spend', due, spend(oneOf(accounts)));
      send('balance', due, balance(oneOf(accounts)));
    }
    if (now >= looks * seconds * 50) {
      memory.push(await memoryOf(server.pid));
      looks += 1;
    }
    if (open.size > MAX_WAITING) {
      break;
    }
    await wait(TICK_MS);
  }
  const took = (performance.now() - start) / 1_000;
  const after = await processorSeconds(server.pid);
  await Promise.all(open);
  agent.destroy();
  const answersOf = (kind: Kind): Answers => ({
    times: times[kind].sort((a, b) => a - b),
    failed: failed[kind],
  });
  return {
    pace,
    answers: {
      delivery: answersOf('delivery'),
      spend: answersOf('spend'),
      balance: answersOf('balance'),
    },
    memory,
    processors: {
      sender: (after.sender - before.sender) / took,
      service: (after.service - before.service) / took,
      all: (after.all - before.all) / took,
    },
  };
}

/** Processors that something kept busy within this time. */
export async function busyFor(ms: number): Promise<number> {
  const before = await processorSeconds(process.pid);
  await wait(ms);
  return ((await processorSeconds(process.pid)).all - before.all) / (ms / 1_000);
}

/** Seconds of processor time that were used since each began. */
async function processorSeconds(pid: number) {
  const ticks = (text: string, from: number, to: number) =>
    text.trim().split(/\s+/).slice(from, to).map(Number);
  const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0) / 100;
  const [machine, service] = await Promise.all([
    readFile('/proc/stat', 'utf8'),
    readFile(`/proc/${pid}/stat`, 'utf8'),
  ]);
  const { user, system } = process.cpuUsage();
  const [usr = 0, nice = 0, sys = 0, , , irq = 0, softirq = 0] = ticks(machine, 1, 8);
  return {
    sender: (user + system) / 1_000_000,
    // Behind the name, which may hold spaces.
    service: sum(ticks(service.slice(service.lastIndexOf(')')), 12, 14)),
    all: sum([usr, nice, sys, irq, softirq]),
  };
}

/** What the process holds in memory, in MiB. */
async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
}

/** One request; its status, 0 when there was no answer. */
function ask({
  server,
  agent,
  call,
}: {
  server: Server;
  agent: Agent;
  call: Call;
}): Promise<number> {
  return new Promise((resolve) => {
    const { method, path, headers, body } = call;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const { hostname: host, port } = server.url;
    const outgoing = request(
      { agent, host, port, method, path, headers: { ...headers, ...length } },
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

function delivery(account: string): Call {
  const { body, signature } = newPurchase(account, { secret: WEBHOOK_SECRET, customer: null });
  const headers = { 'stripe-signature': signature, 'content-type': 'application/json' };
  return { method: 'POST', path: '/api/stripe/webhook', headers, body };
}

const asServer = { authorization: `Bearer ${SERVER_KEY}` };

function spend(account: string): Call {
  const headers = {
    ...asServer,
    'content-type': 'application/json',
    'idempotency-key': newKey(),
  };
  return { method: 'POST', path: `/api/accounts/${account}/spend`, headers, body: '{"amount":1}' };
}

function balance(account: string): Call {
  return { method: 'GET', path: `/api/accounts/${account}`, headers: asServer };
}
