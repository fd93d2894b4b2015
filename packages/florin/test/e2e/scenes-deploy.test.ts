import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createIssuer, type Issuer } from 'florin-dev';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StripeSandbox, startStripeSandbox } from '../../src/testing.ts';
import {
  ensureBuilt,
  type FlorinProcess,
  freePorts,
  runFlorin,
  startFlorin,
} from '../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

type Check = { name: string; status: 'ok' | 'warning' | 'fault'; found: string; mend: string };

/**
 * docs/deploy.md, walked in its order as somebody would who has an empty Supabase project and a Stripe
 * account. The database is a Supabase-shaped cluster, Stripe the sandbox, Supabase Auth the
 * development issuer; everything else is what a customer runs. `doctor` is asked on the way.
 */
describe('from an empty project to the first purchase', { timeout: 120_000 }, () => {
  let database: FreshDatabase;
  let sandbox: StripeSandbox;
  let issuer: Issuer;
  let folder: string;
  let service: FlorinProcess | undefined;
  let port: number;
  let events: string[];
  const env: Record<string, string> = {};

  beforeAll(async () => {
    await ensureBuilt();
    folder = await mkdtemp(join(tmpdir(), 'florin-deploy-'));
    const [own = 0, issuerPort = 0] = await freePorts(2);
    port = own;
    issuer = createIssuer({ host: '127.0.0.1', port: issuerPort });
    [database, sandbox] = await Promise.all([
      freshDatabase({ empty: true }),
      startStripeSandbox({ port: 0 }),
      issuer.start(),
    ]);
    env['SUPABASE_URL'] = `http://127.0.0.1:${issuerPort}`;
  });
  afterAll(async () => {
    service?.child.kill('SIGTERM');
    await service?.finished;
    await Promise.all([sandbox?.stop(), issuer?.stop(), database?.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  /** Nothing but the file `.env` of the folder tells the program anything. */
  const florin = (...args: string[]) => runFlorin(args, { cwd: folder });

  /** Fills in `.env` as a person does: a line of the example gets its value. */
  async function set(settings: Record<string, string>): Promise<void> {
    Object.assign(env, settings);
    let text = await readFile(join(folder, '.env.example'), 'utf8');
    for (const [name, value] of Object.entries(env)) {
      const line = new RegExp(`^(# )?${name}=.*$`, 'm');
      text = line.test(text) ? text.replace(line, `${name}=${value}`) : `${text}${name}=${value}\n`;
    }
    await writeFile(join(folder, '.env'), text);
  }

  async function doctor(): Promise<{ code: number | null; faults: Record<string, Check> }> {
    const { code, stdout } = await florin('doctor', '--json');
    const { healthy, checks } = JSON.parse(stdout) as { healthy: boolean; checks: Check[] };
    const faults = checks.filter(({ status }) => status === 'fault');
    expect([healthy, code]).toEqual(faults.length === 0 ? [true, 0] : [false, 1]);
    for (const { name, mend } of faults) {
      expect(mend, name).not.toBe('');
    }
    return { code, faults: Object.fromEntries(faults.map((check) => [check.name, check])) };
  }

  it('1. init writes the files, and names the events to enable', async () => {
    const written = await florin('init', '--json');
    expect(written.code, written.stderr).toBe(0);
    events = JSON.parse(written.stdout).stripeEvents;
    expect(events).toContain('invoice.paid');
    const { faults } = await doctor();
    expect(Object.keys(faults).toSorted()).toEqual([
      'database',
      'service.app_url',
      'service.florin_secret_key',
      'service.jwt_secret',
      'stripe.key',
      'stripe.webhook_secret',
      'supabase.keys',
    ]);
  });

  it('2. the catalogue says what is sold, and push makes its prices at Stripe', async () => {
    const about = "reason: 'pack_purchase', planType: 'credits', kind: 'one_time', name: 'Pack'";
    await writeFile(
      join(folder, 'florin.config.ts'),
      `import { defineCatalog } from 'florin';\nexport default defineCatalog({ prices: { pack: { credits: 50, ${about} } } });\n`,
    );
    const { STRIPE_SECRET_KEY, STRIPE_API_BASE } = sandbox.env;
    await set({ STRIPE_SECRET_KEY, STRIPE_API_BASE });
    const pushed = await florin('catalog', 'push', '--amount', 'pack=500', '--yes');
    expect(pushed.code, pushed.stderr).toBe(0);
    expect(await florin('catalog', 'check')).toMatchObject({ code: 0, stdout: 'pack: ok\n' });
  });

  it('3. supabase db push applies the schema; a second push and florin migrate do nothing', async () => {
    await set({ DATABASE_URL: database.url });
    expect((await doctor()).faults['database.migrations']?.found).toContain('pending');
    await writeFile(join(folder, 'supabase', 'config.toml'), 'project_id = "deploy"\n');
    const push = async () => {
      const cli = join(process.cwd(), 'node_modules', '.bin', 'supabase');
      const options = { SUPABASE_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
      const { stdout, stderr } = await promisify(execFile)(
        cli,
        ['db', 'push', '--yes', '--remote', database.url],
        { cwd: folder, env: { ...process.env, ...options } },
      );
      return stdout + stderr;
    };
    expect(await push()).toContain('Finished');
    expect(await push()).toContain('up to date');
    const migrated = await florin('migrate');
    expect(migrated).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Nothing to apply: \d+ migrations were there already\.\n$/),
    });
    expect(Object.keys((await doctor()).faults).filter((name) => name.startsWith('data'))).toEqual(
      [],
    );
  });

  it('4. the endpoint at Stripe: doctor tells when there is none, and which events it lacks', async () => {
    expect((await doctor()).faults['stripe.endpoint']?.found).toContain('no endpoint');
    const url = `http://127.0.0.1:${port}/api/stripe/webhook`;
    const { webhookEndpoints } = sandbox.stripe;
    const few = await webhookEndpoints.create({ url, enabled_events: ['invoice.paid'] });
    expect((await doctor()).faults['stripe.endpoint']?.found).toContain(
      'checkout.session.completed',
    );
    await webhookEndpoints.update(few.id, { disabled: true });
    expect((await doctor()).faults['stripe.endpoint']?.found).toContain('disabled');
    await webhookEndpoints.del(few.id);
    const made = await webhookEndpoints.create({ url, enabled_events: events as ['*'] });
    await set({ STRIPE_WEBHOOK_SECRET: String(made.secret) });
    expect((await doctor()).faults).not.toHaveProperty('stripe.endpoint');
  });

  it('5. and 6. the rest of the settings; then doctor finds nothing to mend', async () => {
    const secret = () => randomBytes(32).toString('base64url');
    const same = secret();
    await set({ JWT_SECRET: same, FLORIN_SECRET_KEY: same, APP_URL: 'http://localhost:3000' });
    // What serve would refuse, doctor tells.
    const refused = await florin('serve');
    expect(refused.stderr).toContain('JWT_SECRET and FLORIN_SECRET_KEY are the same');
    expect((await doctor()).faults['service.settings']?.found).toContain('are the same');
    await set({ JWT_SECRET: secret(), PORT: String(port) });
    expect(await doctor()).toEqual({ code: 0, faults: {} });
  });

  it('7. and 8. serve runs, a purchase becomes credits, its refund takes them back', async () => {
    service = await startFlorin(['serve'], { cwd: folder });
    await service.until('listening on');
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    const accountId = randomUUID();
    const { data: prices } = await sandbox.stripe.prices.list({ lookup_keys: ['pack'] });
    const { chargeId } = await sandbox.buy({ price: String(prices[0]?.id), accountId });
    const balance = async () => {
      const { stdout } = await florin('account', 'show', accountId, '--json');
      return JSON.parse(stdout).balance.available as number;
    };
    await expect.poll(balance, { timeout: 60_000 }).toBe(50);
    await sandbox.stripe.refunds.create({ charge: String(chargeId) });
    await expect.poll(balance, { timeout: 60_000 }).toBe(0);
    const listed = await florin('events', 'list', '--account', accountId, '--json');
    expect(JSON.parse(listed.stdout).map(({ type }: { type: string }) => type)).toContain(
      'checkout.session.completed',
    );
    expect(await florin('reconcile')).toMatchObject({ code: 0 });
    expect(await florin('verify')).toMatchObject({ code: 0 });
  });
});
