import { connect as openSocket, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { issueGrant, listEntries, readBalance, verifyLedger } from '../../../src/ledger/index.ts';
import { ensureBuilt, freePorts, startFlorin } from '../../support/florin-process.ts';
import { LOCK_WAITS } from '../../support/postgres.ts';
import {
  APP_URL,
  JWT_SECRET,
  openService,
  SERVER_KEY,
  SHOP_URL,
  STRIPE_KEY,
  type TestService,
  WEBHOOK_SECRET,
} from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  await ensureBuilt();
  service = await openService({ deliver: false });
});
afterAll(() => service.close());

async function funded(amount: number): Promise<string> {
  const accountId = crypto.randomUUID();
  const funds = { accountId, amount, idempotencyKey: 'funds', source: 'purchase' };
  await issueGrant(service.fresh.db, funds);
  return accountId;
}

describe('the idempotency key of a write', () => {
  it.each([
    ['grants', { amount: 1, source: 'bonus' }],
    ['spend', { amount: 1 }],
    ['holds', { amount: 1 }],
  ])(
    'is required for %s; another body under it is a conflict, and neither writes',
    async (what, body) => {
      const account = await funded(10);
      const write = (headers: Record<string, string>, more = {}) =>
        service.ask(`/api/accounts/${account}/${what}`, {
          method: 'POST',
          as: 'server',
          body: { ...body, ...more },
          headers,
        });
      const missing = await write({});
      expect(missing.status).toBe(400);
      expect(missing.body.code).toBe('idempotency_key_missing');
      expect((await write({ 'idempotency-key': 'k' })).status).toBe(200);
      const before = await listEntries(service.fresh.db, { accountId: account, limit: 10 });
      for (const more of [{ amount: 2 }, { metadata: { page: 1 } }]) {
        const other = await write({ 'idempotency-key': 'k' }, more);
        expect(other.status).toBe(409);
        expect(other.body.code).toBe('idempotency_key_reused');
      }
      expect(await listEntries(service.fresh.db, { accountId: account, limit: 10 })).toEqual(
        before,
      );
    },
  );

  it('lets a repetition wait for the first that is under way, and gives both one answer', async () => {
    const account = await funded(10);
    const settled: number[] = [];
    const calls: Promise<{ status: number; body: { replayed: boolean; entryId: string } }>[] = [];
    await service.fresh.db.transaction(async (tx) => {
      // Whoever holds the account's row keeps the first call under way.
      await tx.query('select credits.settle_account($1)', [account]);
      for (const n of [1, 2]) {
        const call = service.ask(`/api/accounts/${account}/spend`, {
          method: 'POST',
          as: 'server',
          body: { amount: 4 },
          headers: { 'idempotency-key': 'scan:1' },
        });
        calls.push(call);
        call.then(() => settled.push(n));
      }
      await expect
        .poll(
          async () => {
            const [row] = await service.fresh.db.query<{ waiting: number }>(
              `select count(*) as waiting from ${LOCK_WAITS} a where datname = current_database()`,
            );
            return row?.waiting;
          },
          { timeout: 20_000 },
        )
        .toBeGreaterThan(0);
      expect(settled).toEqual([]);
    });
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.map(({ body }) => body.replayed).sort()).toEqual([false, true]);
    expect(answers[0]?.body.entryId).toBe(answers[1]?.body.entryId);
    expect(await readBalance(service.fresh.db, account)).toMatchObject({ posted: 6 });
  });

  it('finds the effect after the service was killed between effect and answer', {
    timeout: 120_000,
  }, async () => {
    const account = await funded(10);
    const [port = 0] = await freePorts(1);
    const serve = async () => {
      const env = {
        DATABASE_URL: service.fresh.url,
        STRIPE_SECRET_KEY: STRIPE_KEY,
        STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
        STRIPE_API_BASE: service.sandbox.url,
        SUPABASE_URL: service.project.url,
        JWT_SECRET,
        FLORIN_SECRET_KEY: SERVER_KEY,
        APP_URL,
        ALLOWED_ORIGINS: SHOP_URL,
        PORT: String(port),
      };
      const running = await startFlorin(['serve'], { cwd: process.cwd(), env });
      onTestFinished(async () => {
        running.child.kill('SIGKILL');
        await running.finished;
      });
      await running.until('listening on');
      return running;
    };

    const first = await serve();
    const body = JSON.stringify({ amount: 4, metadata: { job: 1 } });
    const socket = await dial(port);
    onTestFinished(() => void socket.destroy());
    // The client hears nothing: it stops reading before it asks.
    socket.pause();
    socket.write(
      `POST /api/accounts/${account}/spend HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${SERVER_KEY}\r\n` +
        `idempotency-key: scan:1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const posted = async () => (await readBalance(service.fresh.db, account)).posted;
    await expect.poll(posted, { timeout: 30_000 }).toBe(6);
    first.child.kill('SIGKILL');
    await first.finished;
    socket.destroy();

    await serve();
    const again = await fetch(`http://127.0.0.1:${port}/api/accounts/${account}/spend`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${SERVER_KEY}`,
        'idempotency-key': 'scan:1',
        'content-type': 'application/json',
      },
      body,
    });
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ posted: 6, available: 6, replayed: true });
    expect(await posted()).toBe(6);
    expect(await verifyLedger(service.fresh.db)).toEqual([]);
  });
});

async function dial(port: number): Promise<Socket> {
  const socket = openSocket(port, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  return socket;
}
