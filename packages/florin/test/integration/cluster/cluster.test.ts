import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { sdkFor } from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import { inspectWorkers, migrate } from '../../../src/db/index.ts';
import { issueGrant, verifyLedger } from '../../../src/ledger/index.ts';
import { distribute, runOn } from '../../support/citus.ts';
import { runFlorin } from '../../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { type Served, startServed } from '../../support/served.ts';
import { STRIPE_KEY } from '../http/florin-service.ts';

const BACK = 'packages/florin/supabase/optional/undistribute.sql';

/** Everything that the ledger says of its accounts, and the shape of what holds it. */
const STATE = `
  select (select string_agg(format('%s %s %s %s', account_id, posted, held, encode(chain, 'hex')), ',' order by account_id)
            from credits.accounts) as accounts,
         (select md5(string_agg(encode(chain, 'hex'), ',' order by account_id, entry_no)) from credits.entries) as chains`;
const SHAPE = `
  select kind, name, definition, rights from (
    select 'function' as kind, p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition,
           (select array_agg(a::text order by a::text) from unnest(p.proacl) a) as rights
      from pg_proc p where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace) and p.prokind = 'f'
       and coalesce(array_to_string(p.proconfig, ' '), '') not like '%plan_cache_mode%'
    union all
    select 'relation', c.oid::regclass::text,
           coalesce(obj_description(c.oid), '') || case c.relkind when 'v' then pg_get_viewdef(c.oid) else '' end,
           (select array_agg(a::text order by a::text) from unnest(c.relacl) a)
      from pg_class c
     where (c.relnamespace in ('credits'::regnamespace, 'billing'::regnamespace) or c.relname = 'shown')
       and c.relkind in ('r', 'v', 'i')
    union all
    select 'policy', format('%s on %s', p.polname, p.polrelid::regclass),
           concat(pg_get_expr(p.polqual, p.polrelid), ' ', obj_description(p.oid, 'pg_policy')),
           (select array_agg(r::regrole::text order by r) from unnest(p.polroles) r)
      from pg_policy p) s
   order by kind, name`;

/** Migrated, on a coordinator that has its workers, and not distributed. */
async function undistributed(): Promise<FreshDatabase> {
  const fresh = await freshDatabase({ empty: true });
  onTestFinished(() => fresh.close());
  await migrate({ url: fresh.url });
  return fresh;
}

describe.skipIf(inject('citus') === null)('a ledger on a cluster', { timeout: 300_000 }, () => {
  it('goes there and back twice with every sum, hash, right and definition', async () => {
    const { db, adminUrl } = await undistributed();
    for (const amount of [5, 7]) {
      const accountId = randomUUID();
      await issueGrant(db, { accountId, amount, idempotencyKey: 'g', source: 'test' });
      await db.query("select credits.spend($1, 3, 's')", [accountId]);
    }
    // What an app has beside the ledger: a view of its own, and a table that belongs to no account.
    await runOn(
      adminUrl,
      `create view public.shown as select account_id, posted from credits.written_balances;
       comment on view public.shown is 'The app''s own'; grant select on public.shown to service_role;
       create table credits.setting (one boolean primary key, decimals int); insert into credits.setting values (true, 2)`,
    );
    const state = await runOn(adminUrl, STATE);
    const shape = await runOn(adminUrl, SHAPE);
    for (let turn = 0; turn < 2; turn += 1) {
      await distribute(adminUrl);
      expect(await runOn(adminUrl, STATE)).toEqual(state);
      expect(await verifyLedger(db)).toEqual([]);
      await distribute(adminUrl, BACK);
      expect(await runOn(adminUrl, STATE)).toEqual(state);
      expect(await runOn(adminUrl, SHAPE)).toEqual(shape);
    }
  });

  it('is not distributed without its migrations, and not back from where it never went', async () => {
    const fresh = await freshDatabase({ empty: true });
    onTestFinished(() => fresh.close());
    await expect(distribute(fresh.adminUrl)).rejects.toThrow(/lacks migrations.*florin migrate/s);
    await expect(distribute(fresh.adminUrl, BACK)).rejects.toThrow(/not distributed/);
  });

  it('is not distributed without a worker', async () => {
    const { adminUrl } = await undistributed();
    await runOn(
      adminUrl,
      'select citus_remove_node(nodename, nodeport) from pg_dist_node where groupid > 0',
    );
    await expect(distribute(adminUrl)).rejects.toThrow(/has no worker.*citus_add_node/s);
  });

  it('is not distributed while a worker is down, and says which', async () => {
    const { adminUrl } = await undistributed();
    // Nobody listens on port 1, as if the worker had ended.
    const turn = (port: string) =>
      runOn(
        adminUrl,
        `update pg_dist_node set nodeport = ${port} where nodeid = (
           select max(nodeid) from pg_dist_node) returning (select max(nodeport) from pg_dist_node) as port`,
      );
    const [was] = await turn('1');
    await expect(distribute(adminUrl)).rejects.toThrow(/worker [^ ]+:1 does not answer.*Start it/s);
    await turn(String(was?.['port']));
    expect(await runOn(adminUrl, 'select * from citus_tables')).toEqual([]);
    await distribute(adminUrl);
  });

  it('takes migrations that make functions and views again, and tables wider', async () => {
    const fresh = await freshDatabase();
    onTestFinished(() => fresh.close());
    const accountId = randomUUID();
    await issueGrant(fresh.db, { accountId, amount: 5, idempotencyKey: 'g', source: 'test' });
    const made = await fresh.db.query<{ definition: string }>(
      `select pg_get_functiondef(p.oid) as definition from pg_proc p
        where p.pronamespace = 'credits'::regnamespace and p.prokind = 'f' and p.proname <> 'current_account'
       union all
       select format('create or replace view %s with (security_invoker = true) as %s', c.oid::regclass,
                     rtrim(pg_get_viewdef(c.oid), ';'))
         from pg_class c where c.relnamespace = 'credits'::regnamespace and c.relkind = 'v'`,
    );
    const migration = [
      'call florin.begin_migration()',
      'alter table credits.usage_days add column wider text',
      'create table credits.newer (account_id uuid not null primary key)',
      `create function credits.newer(p_account_id uuid) returns uuid language plpgsql immutable
         set search_path = '' as $f$ begin return p_account_id; end $f$`,
      'grant execute on function credits.newer(uuid) to service_role',
      ...made.map(({ definition }) => definition),
      'call florin.end_migration()',
    ];
    const directory = await mkdtemp(join(inject('runFolder'), 'later-'));
    await writeFile(join(directory, '20991231000000_later.sql'), `${migration.join(';\n')};\n`);
    expect(await migrate({ url: fresh.url, directory })).toMatchObject({
      applied: ['20991231000000'],
    });
    expect((await inspectWorkers(fresh.url)).map(({ stale }) => stale)).toEqual([[], []]);
    await distribute(fresh.adminUrl);
    expect(
      await runOn(
        fresh.adminUrl,
        "select citus_table_type as kind from citus_tables where table_name = 'credits.newer'::regclass",
      ),
    ).toEqual([{ kind: 'distributed' }]);
    await fresh.db.query("select credits.spend($1, 3, 's')", [accountId]);
    expect(await fresh.db.query('select wider from credits.usage_days')).toEqual([]);
    expect(await verifyLedger(fresh.db)).toEqual([]);
  });

  it('is not distributed while a transaction is open, and says whose', async () => {
    const { db, adminUrl } = await undistributed();
    await db.transaction(async (tx) => {
      await tx.query('select * from credits.accounts');
      await expect(distribute(adminUrl)).rejects.toThrow(/transactions are open.*process [0-9]+/s);
    });
    await distribute(adminUrl);
  });

  it('tells what a worker lacks, which running the script again mends', async () => {
    const fresh = await freshDatabase();
    onTestFinished(() => fresh.close());
    const lacking = async () =>
      (await inspectWorkers(fresh.url)).flatMap(({ failure, stale }) => [failure, ...stale]);
    expect(await lacking()).toEqual([null, null]);
    const [worker = ''] = inject('citus')?.workerUrls ?? [];
    const url = new URL(worker);
    url.pathname = new URL(fresh.adminUrl).pathname;
    const drop = (functions: string) =>
      runOn(url.href, `set citus.enable_ddl_propagation to off; drop function ${functions}`);
    await drop('credits.scheduled(uuid)');
    expect(await lacking()).toEqual([null, 'credits.scheduled(p_account_id uuid)', null]);
    const doctor = await runFlorin(['doctor'], { env: { DATABASE_URL: fresh.url } });
    expect(doctor.stdout).toMatch(/FAULT +database\.worker\.\S+: .*credits\.scheduled/);
    expect(doctor.stdout).toContain('supabase/optional/distribute.sql');
    await drop(
      `credits.raise_moving(), credits.raise_closed(uuid), credits.raise_insufficient(bigint, bigint),
       credits.raise_key_reused(text), credits.lock_in_order(uuid[]), credits.check_input(uuid, bigint, text, credits.cause)`,
    );
    const briefly = await runFlorin(['doctor'], { env: { DATABASE_URL: fresh.url } });
    expect(briefly.stdout).toMatch(/lacks or has an older credits\.check_input.* and 2 more$/m);
    await distribute(fresh.adminUrl);
    expect(await lacking()).toEqual([null, null]);
  });

  it('refuses a buyer who reads by claims, and never answers 0', async () => {
    const fresh = await freshDatabase();
    onTestFinished(() => fresh.close());
    const accountId = randomUUID();
    await issueGrant(fresh.db, { accountId, amount: 5, idempotencyKey: 'g', source: 'test' });
    for (const read of [
      'select posted from credits.accounts',
      'select balance from credits_balance_mv',
      `select get_user_credit_balance('${accountId}')`,
      `select posted from credits.read_balance('${accountId}')`,
    ]) {
      await expect(
        runOn(
          fresh.adminUrl,
          `set role authenticated; set request.jwt.claims to '{"sub":"${accountId}"}'; ${read}`,
        ),
      ).rejects.toThrow(/spread over a cluster/);
    }
  });
});

describe.skipIf(inject('citus') === null)('a shop on a cluster', { timeout: 600_000 }, () => {
  let served: Served;
  beforeAll(async () => {
    served = await startServed();
  }, 400_000);
  afterAll(() => served?.close());

  it('sells, renews, gives back, spends, proves itself, and is the same on one node again', async () => {
    const account = randomUUID();
    const { sandbox, fresh, environment } = served;
    const stripe = sdkFor(sandbox, STRIPE_KEY);
    const balance = async () => {
      const answer = await served.ask(`/api/accounts/${account}`, { as: 'server' });
      return ((await answer.json()) as { posted: number }).posted;
    };
    const becomes = (posted: number) =>
      expect.poll(balance, { timeout: 60_000, interval: 200 }).toBe(posted);
    const buy = async (priceId: string) => {
      const opened = await served.ask('/api/create-checkout-session', {
        as: account,
        body: { priceId, metadata: {} },
      });
      const { sessionId } = (await opened.json()) as { sessionId: string };
      sandbox.pay(sessionId);
      return stripe.checkout.sessions.retrieve(sessionId, {
        expand: ['payment_intent.latest_charge'],
      });
    };
    const chargeOf = ({ payment_intent }: Awaited<ReturnType<typeof buy>>) => {
      const intent = payment_intent as { latest_charge: { id: string } };
      return intent.latest_charge.id;
    };

    const first = await buy('price_QUICK_SCAN');
    await expect.poll(balance, { timeout: 60_000 }).toBeGreaterThan(0);
    const pack = await balance();
    const second = await buy('price_QUICK_SCAN');
    await becomes(2 * pack);
    await stripe.refunds.create({ charge: chargeOf(first) });
    await becomes(pack);
    const dispute = sandbox.dispute(chargeOf(second));
    await becomes(0);
    sandbox.closeDispute(dispute.id, 'won');
    await becomes(pack);
    await buy('price_BASIC_MONTHLY');
    await expect.poll(balance, { timeout: 60_000 }).toBeGreaterThan(pack);
    const monthly = (await balance()) - pack;
    sandbox.advance({ months: 1, days: 1 });
    await becomes(pack + 2 * monthly);

    const write = (path: string, key: string, body: object) =>
      served.ask(`/api/accounts/${account}/${path}`, {
        as: 'server',
        body,
        headers: { 'idempotency-key': key },
      });
    await write('grants', 'gift', { amount: 2_000, source: 'gift' });
    for (let n = 0; n < 1_000; n += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, k) => write('spend', `s${n + k}`, { amount: 1 })),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    }
    await becomes(pack + 2 * monthly + 1_000);

    const florin = (...args: string[]) => runFlorin(args, { env: environment });
    expect(await florin('reconcile', '--json')).toMatchObject({ code: 0 });
    expect(await florin('verify')).toMatchObject({ code: 0 });
    const operator = await served.project.token({
      sub: randomUUID(),
      app_metadata: { florin_role: 'operator' },
    });
    const seen = await served.ask(`/api/admin/accounts/${account}`, {
      headers: { authorization: `Bearer ${operator}` },
    });
    expect(seen.status).toBe(200);

    const state = await runOn(fresh.adminUrl, STATE);
    await distribute(fresh.adminUrl, BACK);
    expect(await runOn(fresh.adminUrl, STATE)).toEqual(state);
    expect(await balance()).toBe(pack + 2 * monthly + 1_000);
    expect((await write('spend', 'after', { amount: 1 })).status).toBe(200);
    expect(await florin('verify')).toMatchObject({ code: 0 });
  });
});
