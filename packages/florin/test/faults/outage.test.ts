import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { chmod, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type EmbeddedPostgres, startEmbeddedPostgres } from 'florin-dev';
import { afterAll, describe, expect, it } from 'vitest';
import { connect, migrate } from '../../src/db/index.ts';

import type { Spend } from '../../src/ledger/index.ts';
import { drainInbox } from '../../src/webhooks/index.ts';
import {
  openService,
  SERVER_KEY,
  type ServiceOptions,
  type TestService,
  WEBHOOK_SECRET,
} from '../integration/http/florin-service.ts';
import { event, session, sessionLine, withLines } from '../integration/webhooks/objects.ts';
import { spend } from '../support/spend.ts';

/** A proof run names a longer outage, and is then held to B14's five seconds: `FLORIN_OUTAGE_SECONDS=60`. */
const PROOF_SECONDS = Number(process.env['FLORIN_OUTAGE_SECONDS'] ?? 0);
const OUTAGE_MS = (PROOF_SECONDS || 3) * 1_000;
const BACK_WITHIN_MS = 5_000;
const GRANTED = 1_000_000;
const SPENDERS = 12;
const SENDERS = 4;

const folders: string[] = [];
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'florin-outage-'));
  folders.push(folder);
  await chmod(folder, 0o755);
  return folder;
}

type Shop = {
  readonly service: TestService;
  readonly accounts: readonly string[];
  /** Ends the database and starts it again after the outage; when it was back. */
  outage(how: 'restart' | 'kill'): Promise<number>;
  /** Starts the database again if it has ended by itself. */
  revive(): Promise<void>;
  close(): Promise<void>;
};

/** The service over HTTP on a durable cluster of its own, which can be ended and started again. */
async function openShop(
  options: Pick<ServiceOptions, 'spender'> & { folder?: string } = {},
): Promise<Shop> {
  const folder = options.folder ?? (await newFolder());
  const start = (port?: number) =>
    startEmbeddedPostgres({
      dataDirectory: join(folder, 'data'),
      ...(port === undefined ? {} : { port }),
    });
  let postgres: EmbeddedPostgres = await start();
  const { url, adminUrl, port } = postgres;
  await migrate({ url });
  const db = connect({ url });
  const service = await openService({
    database: { url, adminUrl, db, close: () => db.close() },
    deliver: false,
    ...options,
  });
  const accounts = Array.from({ length: 10 }, () => crypto.randomUUID());
  for (const account of accounts) {
    await db.query('select credits.issue_grant($1, $2, $3, $4)', [account, GRANTED, 'g', 'bonus']);
  }
  return {
    service,
    accounts,
    async outage(how) {
      if (how === 'kill') {
        process.kill(postgres.pid, 'SIGKILL');
        await postgres.ended;
      } else {
        await postgres.stop();
      }
      await wait(OUTAGE_MS);
      postgres = await start(port);
      return performance.now();
    },
    async revive() {
      const running = Symbol('running');
      if ((await Promise.race([postgres.ended, wait(2_000, running)])) !== running) {
        postgres = await start(port);
      }
    },
    async close() {
      await service.close();
      await postgres.stop();
    },
  };
}

type Outcome = { readonly at: number; readonly status: number };

/** Callers that repeat each operation until it is accepted, as Stripe and a careful server do. */
function load(shop: Shop) {
  const outcomes: Outcome[] = [];
  const spent = new Set<string>();
  const bought = new Set<string>();
  let running = true;

  async function until200(ask: () => Promise<Response>): Promise<void> {
    for (;;) {
      const { status, ok } = await ask();
      outcomes.push({ at: performance.now(), status });
      if (ok) {
        return;
      }
      await wait(20);
    }
  }

  async function spender(index: number): Promise<void> {
    for (let n = 0; running; n += 1) {
      const key = `spend:${index}:${n}`;
      const account = shop.accounts[(index + n) % shop.accounts.length];
      await until200(() =>
        fetch(`${shop.service.url}/api/accounts/${account}/spend`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${SERVER_KEY}`,
            'content-type': 'application/json',
            'idempotency-key': key,
          },
          body: '{"amount":1}',
        }),
      );
      spent.add(key);
    }
  }

  async function sender(index: number): Promise<void> {
    for (let n = 0; running; n += 1) {
      const id = `${index}_${n}`;
      const object = session({
        ...withLines([sessionLine('price_QUICK_SCAN', { id: `li_${id}` })]),
        id: `cs_${id}`,
        payment_intent: `pi_${id}`,
        customer: null,
        client_reference_id: shop.accounts[n % shop.accounts.length],
      });
      const body = JSON.stringify(event('checkout.session.completed', object));
      const at = Math.floor(Date.now() / 1000);
      const v1 = createHmac('sha256', WEBHOOK_SECRET).update(`${at}.${body}`).digest('hex');
      await until200(() =>
        fetch(`${shop.service.url}/api/stripe/webhook`, {
          method: 'POST',
          headers: { 'stripe-signature': `t=${at},v1=${v1}` },
          body,
        }),
      );
      bought.add(`cs_${id}`);
    }
  }

  const work = Promise.all([
    ...Array.from({ length: SPENDERS }, (_, index) => spender(index)),
    ...Array.from({ length: SENDERS }, (_, index) => sender(index)),
  ]);
  return {
    outcomes,
    spent,
    bought,
    async stop() {
      running = false;
      await work;
    },
  };
}

/** What was answered with 200 and is not in the ledger, or is there more than once. */
async function lost(shop: Shop, done: ReturnType<typeof load>): Promise<string[]> {
  const { db } = shop.service.fresh;
  await drainInbox(shop.service.webhooks);
  const spends = await db.query<{ key: string; times: number }>(
    `select idempotency_key as key, count(*)::int as times
       from credits.entries where kind = 'spend' group by 1`,
  );
  const purchases = await db.query<{ key: string; times: number }>(
    `select split_part(idempotency_key, ':', 3) as key, count(*)::int as times
       from credits.entries where kind = 'grant' and idempotency_key like 'florin:checkout:%' group by 1`,
  );
  const times = new Map([...spends, ...purchases].map((row) => [row.key, row.times]));
  return [...done.spent, ...done.bought].filter((key) => times.get(key) !== 1);
}

const ready = async (shop: Shop) => (await fetch(`${shop.service.url}/readyz`)).status;

describe('the database goes away under load', () => {
  it.each(['restart', 'kill'] as const)(
    'by a %s: 503 meanwhile, then it works again by itself, and nothing that was answered is lost',
    { timeout: 120_000 + 2 * OUTAGE_MS },
    async (how) => {
      const shop = await openShop();
      try {
        const done = load(shop);
        await expect.poll(() => done.spent.size, { timeout: 30_000 }).toBeGreaterThan(50);
        const outage = shop.outage(how);
        await expect.poll(() => ready(shop), { timeout: 30_000 }).toBe(503);
        expect((await fetch(`${shop.service.url}/healthz`)).status).toBe(200);
        const back = await outage;
        const worked = () => done.outcomes.find(({ at, status }) => at > back && status === 200);
        await expect.poll(worked, { timeout: 60_000, interval: 20 }).toBeDefined();
        if (PROOF_SECONDS > 0) {
          expect((worked()?.at ?? Number.POSITIVE_INFINITY) - back).toBeLessThan(BACK_WITHIN_MS);
        }
        const before = done.spent.size;
        await expect.poll(() => done.spent.size, { timeout: 60_000 }).toBeGreaterThan(before + 50);
        await done.stop();
        const refusals = new Set(done.outcomes.map(({ status }) => status));
        expect([...refusals].sort()).toEqual([200, 503]);
        expect(done.bought.size).toBeGreaterThan(0);
        expect(await lost(shop, done)).toEqual([]);
        const { db } = shop.service.fresh;
        expect(await db.query('select * from credits.verify_ledger()')).toEqual([]);
        // No connection is kept from the others: as many calls at once as the pool is large, twice.
        const calls = Array.from({ length: 20 }, () => ready(shop));
        expect(new Set(await Promise.all(calls))).toEqual(new Set([200]));
        process.stdout.write(
          `outage by ${how} of ${OUTAGE_MS / 1000} s: first success ${Math.round((worked()?.at ?? 0) - back)} ms after it was back; ` +
            `${done.outcomes.filter(({ status }) => status === 503).length} answers 503, ${done.spent.size} spends, ${done.bought.size} purchases\n`,
        );
      } finally {
        await shop.close();
      }
    },
  );

  it('control: a service that answers before its commit loses what it answered', {
    timeout: 120_000 + OUTAGE_MS,
  }, async () => {
    const broken: { db?: TestService['fresh']['db'] } = {};
    const answerAtOnce = async (request: Spend) => {
      if (broken.db !== undefined) {
        spend(broken.db, request).catch(() => undefined);
      }
      return { entryId: '', posted: 0, held: 0, available: 0, replayed: false };
    };
    const shop = await openShop({
      spender: { spend: answerAtOnce, spendMetered: answerAtOnce },
    });
    broken.db = shop.service.fresh.db;
    try {
      const done = load(shop);
      await expect.poll(() => done.spent.size, { timeout: 30_000 }).toBeGreaterThan(50);
      await shop.outage('restart');
      await done.stop();
      expect((await lost(shop, done)).length).toBeGreaterThan(0);
    } finally {
      await shop.close();
    }
  });
});

/** A small file system of its own, which root may mount; undefined where that is not allowed. */
async function mountSmallDisk(): Promise<string | undefined> {
  const folder = await newFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=755`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
  } catch {
    return undefined;
  }
  return folder;
}

/** Fills a disk to the last byte, with a file that can be removed again. */
async function fillDisk(folder: string): Promise<string> {
  const path = join(folder, 'ballast');
  const file = await open(path, 'w');
  for (const size of [1024 * 1024, 4096]) {
    const chunk = Buffer.alloc(size, 1);
    for (let isFull = false; !isFull; ) {
      isFull = await file.write(chunk).then(
        ({ bytesWritten }) => bytesWritten < size,
        () => true,
      );
    }
  }
  await file.close();
  return path;
}

const DISK_MIB = 192;

describe('the disk is full', () => {
  it('answers 5xx and goes on when there is room again, with nothing lost and nothing twice', {
    timeout: 240_000,
  }, async (context) => {
    const folder = await mountSmallDisk();
    if (folder === undefined) {
      process.stderr.write('SKIPPED: no file system can be mounted here, so none is filled.\n');
      context.skip();
      return;
    }
    try {
      const shop = await openShop({ folder });
      try {
        const done = load(shop);
        await expect.poll(() => done.spent.size, { timeout: 30_000 }).toBeGreaterThan(50);
        const ballast = await fillDisk(folder);
        const refused = () => done.outcomes.filter(({ status }) => status >= 500).length;
        await expect.poll(refused, { timeout: 120_000 }).toBeGreaterThan(0);
        await wait(1_000);
        await rm(ballast);
        await shop.revive();
        const before = done.spent.size;
        await expect.poll(() => done.spent.size, { timeout: 60_000 }).toBeGreaterThan(before + 50);
        await done.stop();
        const statuses = new Set(done.outcomes.map(({ status }) => status));
        expect([...statuses].filter((status) => status !== 200 && status < 500)).toEqual([]);
        expect(await lost(shop, done)).toEqual([]);
        const { db } = shop.service.fresh;
        expect(await db.query('select * from credits.verify_ledger()')).toEqual([]);
        process.stdout.write(
          `disk full: ${refused()} answers 5xx, ${done.spent.size} spends, ${done.bought.size} purchases, none lost\n`,
        );
      } finally {
        await shop.close();
      }
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});
