import { createHmac } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../../src/db/index.ts';
import { type FreshDatabase, freshDatabase, isPooled } from '../../support/postgres.ts';
import { purchase } from '../webhooks/objects.ts';
import { type Answer, openService, type TestService, WEBHOOK_SECRET } from './florin-service.ts';

const LOCKED = crypto.randomUUID();
const OTHERS = Array.from({ length: 5 }, () => crypto.randomUUID());

// Behind a transaction pooler a lone statement has no lock timeout (docs/decisions/0080).
describe.skipIf(isPooled)('while one account is locked', () => {
  let fresh: FreshDatabase;
  let service: TestService;
  beforeAll(async () => {
    fresh = await freshDatabase();
    const db = connect({ url: fresh.url, maxConnections: 6, reservedConnections: 2 });
    const close = async () => {
      await db.close();
      await fresh.close();
    };
    service = await openService({ database: { ...fresh, db, close }, reserved: db.reserved });
    for (const account of [LOCKED, ...OTHERS]) {
      await write(account, 'grants', { amount: 1_000 });
    }
  });
  afterAll(() => service.close());

  const write = (account: string, what: string, body: object): Promise<Answer> =>
    service.ask(`/api/accounts/${account}/${what}`, {
      as: 'server',
      body,
      headers: { 'idempotency-key': crypto.randomUUID() },
    });
  const spend = (account: string) => write(account, 'spend', { amount: 1, metadata: { job: 1 } });
  const deliver = (accountId: string) => {
    const body = JSON.stringify(
      purchase({ client_reference_id: accountId, metadata: { userId: accountId } }),
    );
    const timestamp = Math.floor(Date.now() / 1000);
    const signature = createHmac('sha256', WEBHOOK_SECRET)
      .update(`${timestamp}.${body}`)
      .digest('hex');
    return service.ask('/api/stripe/webhook', {
      method: 'POST',
      body,
      headers: { 'stripe-signature': `t=${timestamp},v1=${signature}` },
    });
  };
  const metric = async (name: string) => {
    const { text } = await service.ask('/metrics', { as: 'server' });
    return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1]);
  };

  it('the others spend, deliveries are taken, and the service is ready', async () => {
    let unlock: () => void = () => undefined;
    const isLocked = new Promise<void>((locked) => {
      void fresh.db.transaction(async (tx) => {
        await tx.query('set local role florin_owner');
        await tx.query('select from credits.accounts where account_id = $1 for update', [LOCKED]);
        locked();
        await new Promise<void>((resolve) => {
          unlock = resolve;
        });
      });
    });
    await isLocked;
    const waiting = [
      ...Array.from({ length: 30 }, () => spend(LOCKED)),
      ...Array.from({ length: 30 }, () => write(LOCKED, 'holds', { amount: 1 })),
      ...Array.from({ length: 10 }, () => write(LOCKED, 'spend', { amount: 1 })),
    ];
    await wait(100);
    expect(await metric('florin_database_waiting')).toBeGreaterThan(10);
    const statuses: number[] = [];
    const times: number[] = [];
    const until = Date.now() + 3_000;
    const count = async (ask: () => Promise<Answer>) => {
      while (Date.now() < until) {
        const started = performance.now();
        statuses.push((await ask()).status);
        times.push(performance.now() - started);
      }
    };
    await Promise.all([
      ...OTHERS.map((account) => count(() => spend(account))),
      count(() => deliver(OTHERS[0] ?? '')),
      count(() => service.ask('/readyz')),
    ]);
    expect(new Set(statuses)).toEqual(new Set([200]));
    const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
    expect(p99).toBeLessThan(1_000);

    const late = await deliver(LOCKED);
    expect(late).toMatchObject({ status: 200, body: { status: 'failed' } });

    const refused = await Promise.all(waiting);
    for (const { status, body, headers } of refused) {
      expect(status).toBe(503);
      expect(['account_busy', 'database_unavailable']).toContain(body.code);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(refused.some(({ body }) => body.code === 'account_busy')).toBe(true);
    expect(await metric('florin_account_busy_total')).toBeGreaterThan(0);
    unlock();
    await expect.poll(async () => (await spend(LOCKED)).status).toBe(200);
    const { body } = await service.ask(`/api/accounts/${LOCKED}`, { as: 'server' });
    expect(body).toMatchObject({ posted: 999, held: 0 });
    expect(await metric('florin_database_waiting')).toBe(0);
  }, 30_000);
});
