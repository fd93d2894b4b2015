import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { readReconcileRuns } from '../../src/console/index.ts';
import { connect } from '../../src/db/index.ts';
import { createFlorin } from '../../src/florin.ts';
import { runJobs } from '../../src/jobs/index.ts';
import { issueGrant, listEntries, verifyLedger } from '../../src/ledger/index.ts';
import { listEvents } from '../../src/webhooks/index.ts';
import { freshDatabase } from '../support/postgres.ts';
import {
  ADA,
  openService,
  SERVER_KEY,
  type TestService,
  WEBHOOK_SECRET,
} from './http/florin-service.ts';
import { testCatalog } from './webhooks/catalog.ts';
import {
  ACCOUNT,
  event,
  invoice,
  type Json,
  session,
  sessionLine,
  withLines,
} from './webhooks/objects.ts';
import { asOwner } from './webhooks/shop.ts';

const JOBS = ['drain', 'expire', 'drip', 'usage', 'forget', 'top-up', 'reconcile'];
const DAY_SECONDS = 86_400;
const outcomes = (failures: Readonly<Record<string, string>> = {}) =>
  JOBS.map((job) => ({ job, more: job in failures, failure: failures[job] ?? null }));

async function openedService(): Promise<TestService> {
  const service = await openService({ catalog: testCatalog(), deliver: false });
  onTestFinished(() => service.close());
  return service;
}

async function deliver(service: TestService, payload: Json): Promise<void> {
  const body = JSON.stringify(payload);
  const at = Math.floor(Date.now() / 1000);
  const mark = createHmac('sha256', WEBHOOK_SECRET).update(`${at}.${body}`).digest('hex');
  const headers = { 'stripe-signature': `t=${at},v1=${mark}` };
  const answer = await service.ask('/api/stripe/webhook', { body, method: 'POST', headers });
  expect(answer.status).toBe(200);
}

/** An event that waits, credits that expired, a month of a yearly plan and a used plan session. */
async function withSomethingDue(service: TestService): Promise<void> {
  const { fresh } = service;
  const start = Math.floor(Date.now() / 1000) - 40 * DAY_SECONDS;
  const period = { start, end: start + 365 * DAY_SECONDS };
  const year = invoice([{ priceId: 'price_ANNUAL', amount: 12_000, period }], 'new');
  const subscribed = { mode: 'subscription', subscription: 'sub_1', payment_intent: null };
  await deliver(service, event('checkout.session.completed', session(subscribed)));
  await deliver(service, event('invoice.paid', year));
  const unknown = session({
    id: 'cs_2',
    payment_intent: 'pi_2',
    ...withLines([sessionLine('price_NOBODY')]),
  });
  await deliver(service, event('checkout.session.completed', unknown));
  const short = { accountId: ADA, amount: 5, idempotencyKey: 'short', source: 'bonus' };
  await issueGrant(fresh.db, { ...short, expiresAt: new Date(Date.now() + 3_000) });
  await asOwner(
    fresh,
    `insert into billing.consumed_plan_sessions (nonce, account_id, expires_at)
       values ('old', '${ADA}', now() - interval '2 days')`,
  );
  await asOwner(fresh, "update billing.payments set next_due_at = now() - interval '1 minute'");
  await asOwner(
    fresh,
    "update billing.events set next_attempt_at = now() - interval '1 minute' where status = 'failed'",
  );
  await expect
    .poll(async () => {
      const [row] = await fresh.db.query<{ over: boolean }>(
        'select bool_and(expires_at < clock_timestamp()) as over from credits.grants where account_id = $1',
        [ADA],
      );
      return row?.over;
    })
    .toBe(true);
}

/** Supabase's own schemas, as far as examples/edge/cron.sql calls them. */
const STAND_INS = `
  create schema vault; create schema cron; create schema net;
  create table vault.decrypted_secrets (name text, decrypted_secret text);
  create function vault.create_secret(s text, n text) returns void language sql
    as $f$ insert into vault.decrypted_secrets values (n, s) $f$;
  create table cron.job (jobname text, schedule text, command text);
  create function cron.schedule(n text, s text, c text) returns void language sql
    as $f$ insert into cron.job values (n, s, c) $f$;
  create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
    headers jsonb default '{}', timeout_milliseconds int default 5000) returns text language sql
    as $f$ select url || ' ' || (headers ->> 'authorization') $f$;`;

it.skipIf(inject('adminUrl') === '')(
  'examples/edge/cron.sql calls the jobs each minute with the server key from the Vault',
  async () => {
    const fresh = await freshDatabase({ empty: true });
    onTestFinished(() => fresh.close());
    const admin = new pg.Client({ connectionString: fresh.adminUrl });
    await admin.connect();
    onTestFinished(() => admin.end());
    await admin.query(STAND_INS);
    const script = await readFile('examples/edge/cron.sql', 'utf8');
    await admin.query(script.replace(/^create extension .*$/gm, ''));
    const { rows } = await admin.query('select jobname, schedule, command from cron.job');
    expect(rows).toMatchObject([{ jobname: 'florin-jobs', schedule: '* * * * *' }]);
    const called = await admin.query(rows[0].command);
    expect(Object.values(called.rows[0])).toEqual([
      'https://<project>.supabase.co/functions/v1/api/jobs/run Bearer <FLORIN_SECRET_KEY>',
    ]);
  },
);

describe('the jobs of a host where nothing runs on', () => {
  it('are each done once by however many instances are called at once', async () => {
    const service = await openedService();
    const { fresh, webhooks, stripe } = service;
    await withSomethingDue(service);
    // In a month another part of the yearly plan is due.
    const clock = { now: () => new Date(Date.now() + 30 * DAY_SECONDS * 1000) };
    const calls = Array.from({ length: 5 }, () => {
      const db = connect({ url: fresh.url, maxConnections: 2 });
      onTestFinished(() => db.close());
      return runJobs({ ...webhooks, db, clock }, { client: stripe });
    });
    for (const outcome of await Promise.all(calls)) {
      expect(outcome).toEqual(outcomes());
    }

    const [waiting] = await listEvents(fresh.db, { status: 'failed' });
    expect(waiting).toMatchObject({ attempts: 2, errorCode: 'price_unknown' });
    const expired = await listEntries(fresh.db, { accountId: ADA, limit: 10 });
    expect(expired.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['expiry', -5],
      ['grant', 5],
    ]);
    const months = await listEntries(fresh.db, { accountId: ACCOUNT, limit: 10 });
    expect(months.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['grant', 100],
      ['grant', 100],
      ['grant', 100],
    ]);
    expect(await fresh.db.query('select nonce from billing.consumed_plan_sessions')).toEqual([]);
    const runs = await fresh.db.query('select kind from billing.reconcile_runs');
    expect(runs).toEqual([{ kind: 'daily' }]);
    expect(await verifyLedger(fresh.db)).toEqual([]);
    // Nothing is due any more.
    expect(await runJobs({ ...webhooks, clock }, { client: stripe })).toEqual(outcomes());
    const [after] = await listEvents(fresh.db, { status: 'failed' });
    expect(after?.attempts).toBe(2);
    expect(await fresh.db.query('select kind from billing.reconcile_runs')).toHaveLength(1);
  });

  it('are called by the library, and by a cron call with the server key alone', async () => {
    const service = await openedService();
    await withSomethingDue(service);
    const run = (as?: string) =>
      service.ask('/api/jobs/run', { method: 'POST', ...(as === undefined ? {} : { as }) });
    expect((await run()).status).toBe(401);
    expect((await run(ADA)).status).toBe(403);
    expect((await service.ask('/api/jobs/run', { as: 'server' })).status).toBe(405);
    expect(await readReconcileRuns(service.fresh.db)).toEqual([]);

    const florin = createFlorin({ catalog: testCatalog(), config: service.config });
    onTestFinished(() => florin.close());
    expect(await florin.runJobs({ forMs: 5_000 })).toEqual(outcomes());
    expect(await readReconcileRuns(service.fresh.db)).toMatchObject([{ kind: 'daily' }]);
    const answer = await run('server');
    expect([answer.status, answer.body]).toEqual([200, { jobs: outcomes() }]);
    const alerting = createFlorin({
      catalog: testCatalog(),
      config: service.config,
      onAlert: async () => undefined,
    });
    onTestFinished(() => alerting.close());
    const called = await alerting.fetch(
      new Request(`${service.config.appUrl}/api/jobs/run`, {
        method: 'POST',
        headers: { authorization: `Bearer ${SERVER_KEY}` },
      }),
    );
    const { jobs } = (await called.json()) as { jobs: object[] };
    expect(jobs).toHaveLength(JOBS.length + 1);
    expect(jobs).toContainEqual({ job: 'alert', more: false, failure: null });
    expect((await service.ask('/openapi.json')).body.paths['/api/jobs/run']).toBeDefined();
  });

  it('go on when one of them fails, and say which and why', async () => {
    const service = await openedService();
    await withSomethingDue(service);
    await service.sandbox.stop();
    const answer = await service.ask('/api/jobs/run', { method: 'POST', as: 'server' });
    expect(answer.status).toBe(503);
    expect(answer.body).toEqual({ jobs: outcomes({ reconcile: 'stripe_unavailable' }) });
    const entries = await listEntries(service.fresh.db, { accountId: ADA, limit: 10 });
    expect(entries.map(({ kind }) => kind)).toEqual(['expiry', 'grant']);
    expect(service.logs).toContainEqual(
      expect.objectContaining({ level: 'error', job: 'reconcile', code: 'stripe_unavailable' }),
    );
  });
});
