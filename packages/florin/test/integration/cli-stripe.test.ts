import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseCatalog } from '../../src/catalog/index.ts';
import { createCharges } from '../../src/charge/index.ts';
import { issueGrant, listEntries, readBalance } from '../../src/ledger/index.ts';
import type { StripeSandbox } from '../../src/testing.ts';
import { startStripeSandbox } from '../../src/testing.ts';
import { listEvents } from '../../src/webhooks/index.ts';
import {
  ensureBuilt,
  type FlorinProcess,
  freePorts,
  runFlorin,
  startFlorin,
} from '../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const SECRETS = {
  JWT_SECRET: 'plan-Sessions-0f9a3c71b2d84e6590ab',
  FLORIN_SECRET_KEY: 'server-Key-7c1e4f0f9a550d8a5f0e7c11',
};
/** Processes start slowly on a busy machine. */
const PATIENT = { timeout: 60_000 };
const PACK = { credits: 50, reason: 'pack', planType: 'credits', kind: 'one_time' } as const;

/** A service's settings around a sandbox; every command is a process of its own. */
describe('the command line with Stripe', { timeout: 120_000 }, () => {
  let fresh: FreshDatabase;
  let sandbox: StripeSandbox;
  let folder: string;
  let port: number;
  const started: FlorinProcess[] = [];
  beforeAll(async () => {
    await ensureBuilt();
    fresh = await freshDatabase();
  });
  afterAll(() => fresh.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'florin-cli-stripe-'));
    [port = 0] = await freePorts(1);
    sandbox = await startStripeSandbox({
      port: 0,
      prices: [{ id: 'price_KNOWN', name: 'Known', unitAmount: 500 }],
      webhookUrl: `http://127.0.0.1:${port}/api/stripe/webhook`,
    });
  });
  afterEach(async () => {
    for (const { child, finished } of started.splice(0)) {
      child.kill('SIGTERM');
      await finished;
    }
    await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const settings = () => ({
    ...SECRETS,
    ...sandbox.env,
    DATABASE_URL: fresh.url,
    SUPABASE_URL: 'http://127.0.0.1:1',
    APP_URL: 'http://localhost',
    PORT: String(port),
  });
  const florin = (...args: string[]) => runFlorin(args, { cwd: folder, env: settings() });
  const catalogue = (prices: Record<string, object>, more: object = {}) =>
    writeFile(join(folder, 'florin.config.json'), JSON.stringify({ prices, ...more }));

  async function serve(more: Record<string, string> = {}): Promise<FlorinProcess> {
    const env = { ...settings(), ...more };
    const running = await startFlorin(['serve'], { cwd: folder, env });
    started.push(running);
    await running.until(/listening on/);
    return running;
  }
  async function stop({ child, finished }: FlorinProcess): Promise<void> {
    child.kill('SIGTERM');
    expect(await finished).toMatchObject({ code: 0 });
  }

  const attention = () => listEvents(fresh.db, { needsAttention: true, limit: 10 });
  const available = async (accountId: string) => (await readBalance(fresh.db, accountId)).available;

  async function figures(): Promise<string> {
    const headers = { authorization: `Bearer ${settings()['FLORIN_SECRET_KEY']}` };
    return (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  }

  /** What Prometheus would read. */
  async function figure(name: string): Promise<number> {
    const text = await figures();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  it('doctor names what the customer portal does otherwise than the catalogue, and how to mend it', async () => {
    const { stripe } = sandbox;
    const product = await stripe.products.create({ name: 'Plans' });
    const priced = (unit_amount: number, lookup_key: string) =>
      stripe.prices.create({
        product: product.id,
        currency: 'usd',
        unit_amount,
        lookup_key,
        recurring: { interval: 'month' },
      });
    const [small] = [await priced(900, 'small'), await priced(2900, 'large')];
    const plan = (planType: string) => ({ ...PACK, planType, kind: 'recurring' });
    const prices = { small: plan('small'), large: { ...plan('large'), perSeat: true } };
    await catalogue(prices);
    const checkOf = async () => {
      const { checks } = JSON.parse((await florin('doctor', '--json')).stdout);
      return checks.find(({ name }: { name: string }) => name === 'stripe.portal');
    };
    expect(await checkOf()).toMatchObject({ status: 'ok', mend: '' });

    const [{ id = '' } = {}] = (await stripe.billingPortal.configurations.list()).data;
    const update = {
      enabled: true,
      default_allowed_updates: ['price' as const],
      products: [{ product: product.id, prices: [small?.id ?? ''] }],
      proration_behavior: 'none' as const,
      schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' as const }] },
    };
    const cancel = {
      enabled: true,
      mode: 'immediately' as const,
      proration_behavior: 'create_prorations' as const,
    };
    await stripe.billingPortal.configurations.update(id, {
      features: { subscription_update: update, subscription_cancel: cancel },
    });
    const check = await checkOf();
    expect(check.status).toBe('warning');
    for (const text of [
      'prorated by none, and here by always_invoice',
      'waits for the end of the period there (decreasing_item_amount)',
      'large is sold by the seat',
      'large cannot be switched to there',
      'ends at once with create_prorations',
    ]) {
      expect(check.found).toContain(text);
    }
    for (const field of [
      'subscription_update.proration_behavior',
      'subscription_update.schedule_at_period_end.conditions',
      'subscription_update.default_allowed_updates',
      'subscription_update.products',
      'subscription_cancel.mode',
    ]) {
      expect(check.mend).toContain(field);
    }
    // A shop that means it so says it in the catalogue, or turns switching off there.
    await stripe.billingPortal.configurations.update(id, {
      features: {
        subscription_update: {
          ...update,
          default_allowed_updates: ['price', 'quantity'],
          products: '',
          schedule_at_period_end: { conditions: '' },
        },
        subscription_cancel: { ...cancel, proration_behavior: 'none' },
      },
    });
    await catalogue(prices, { checkout: { proration: 'none' } });
    expect(await checkOf()).toMatchObject({ status: 'ok', mend: '' });
    await catalogue({ price_KNOWN: PACK });
    expect(await checkOf()).toBeUndefined();
  });

  it('init creates an event destination, doctor finds it, and a purchase told by thin events is credited', async () => {
    const accountId = randomUUID();
    await catalogue({ price_KNOWN: PACK });
    for (const { id } of (await sandbox.stripe.webhookEndpoints.list()).data) {
      await sandbox.stripe.webhookEndpoints.del(id);
    }
    const checkOf = async () => {
      const { checks } = JSON.parse((await florin('doctor', '--json')).stdout);
      return checks.find(({ name }: { name: string }) => name === 'stripe.endpoint');
    };
    expect(await checkOf()).toMatchObject({
      status: 'fault',
      found: expect.stringContaining('no event destination'),
      mend: expect.stringContaining('florin init --destination'),
    });
    const address = `http://127.0.0.1:${port}`;
    const made = await florin('init', '--destination', address, '--json');
    expect(made.code).toBe(0);
    const { id, url, secret, events } = JSON.parse(made.stdout);
    expect(url).toBe(`${address}/api/stripe/webhook`);
    expect(events).toContain('v1.checkout.session.completed');
    expect((await florin('init', '--destination', `${address}/`)).code).not.toBe(0);
    expect((await florin('init', '--destination', 'credits')).code).not.toBe(0);
    expect(await checkOf()).toMatchObject({
      status: 'ok',
      found: expect.stringContaining('destination of thin events'),
    });
    await sandbox.stripe.v2.core.eventDestinations.disable(id);
    expect(await checkOf()).toMatchObject({
      status: 'fault',
      found: expect.stringContaining('disabled'),
    });
    await sandbox.stripe.v2.core.eventDestinations.enable(id);
    await sandbox.stripe.v2.core.eventDestinations.update(id, {
      enabled_events: events.slice(1),
    });
    expect((await checkOf()).found).toContain('checkout.session.completed');
    await sandbox.stripe.v2.core.eventDestinations.update(id, { enabled_events: events });

    await serve({ STRIPE_WEBHOOK_SECRET: `whsec_of_an_endpoint_that_was,${secret}` });
    await sandbox.buy({ price: 'price_KNOWN', accountId });
    await sandbox.settled();
    await expect.poll(() => available(accountId), PATIENT).toBe(50);
    const told = await listEvents(fresh.db, { accountId });
    expect(told.map(({ type }) => type)).toContain('v1.checkout.session.completed');
    // What came thin was delivered: reconcile asks Stripe for its snapshot events.
    const compared = await florin('reconcile', '--json');
    expect(JSON.parse(compared.stdout).findings).toEqual([]);
  });

  it('an unknown price waits needing attention, in the log and in events list; once it is in the catalogue a replay credits it', async () => {
    const accountId = randomUUID();
    await catalogue({ price_OTHER: PACK });
    const before = await serve();
    const { sessionId } = await sandbox.buy({ price: 'price_KNOWN', accountId });
    await sandbox.settled();
    // Stored, so answered with 200; not done, and said loudly.
    expect(sandbox.deliveries().map(({ status }) => status)).not.toContain('pending');
    await before.until('event not processed yet');
    const logged = before
      .output()
      .split('\n')
      .find((line) => line.includes('event not processed yet'));
    expect(JSON.parse(String(logged))).toMatchObject({
      level: 40,
      type: 'checkout.session.completed',
      status: 'failed',
      reason: expect.stringContaining('price_KNOWN'),
    });
    expect(await figure('florin_inbox_attention')).toBe(1);
    const listed = await florin('events', 'list', '--attention', '--json');
    const [event, ...others] = JSON.parse(listed.stdout);
    expect(others).toEqual([]);
    expect(event).toMatchObject({ status: 'failed', errorCode: 'price_unknown', accountId });
    expect((await florin('events', 'list')).stdout).toMatch(/failed ! .*price_KNOWN/);
    expect((await florin('events', 'show', event.eventId)).stdout).toContain(sessionId);
    const vain = await florin('events', 'replay', event.eventId);
    expect(vain).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/failed\. .*price_KNOWN/),
    });
    const drift = await florin('reconcile', '--repair');
    expect(drift.code).toBe(1);
    expect(drift.stdout).toMatch(/paid_not_credited: .*price_KNOWN/);
    await stop(before);

    await catalogue({ price_KNOWN: PACK });
    // No service has to run for it.
    const replayed = await florin('events', 'replay', event.eventId, 'evt_unknown', '--json');
    expect(replayed.code).toBe(1);
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      replayed: [event.eventId],
      unknown: ['evt_unknown'],
      outcomes: [{ eventId: event.eventId, status: 'processed' }],
    });
    expect(await available(accountId)).toBe(50);
    // An event that is sent again grants nothing again, whoever takes it.
    const after = await serve();
    const again = await florin('events', 'replay', event.eventId);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('processed') });
    await expect.poll(attention, PATIENT).toEqual([]);
    expect(await figure('florin_inbox_attention')).toBe(0);
    expect(await figure('florin_database_up')).toBe(1);
    const shown = JSON.parse((await florin('account', 'show', accountId, '--json')).stdout);
    expect(shown.entries).toHaveLength(1);
    for (const name of [sessionId, event.eventId, shown.grants[0].metadata.stripe_payment_id]) {
      const found = await florin('account', 'show', name, '--json');
      expect([name, JSON.parse(found.stdout).accountId]).toEqual([name, accountId]);
    }
    expect(await florin('account', 'show', 'pi_nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Neither the inbox nor Stripe knows pi_nobody.'),
    });
    expect(await florin('reconcile')).toMatchObject({
      code: 0,
      stdout: 'Stripe, billing and the ledger agree.\n',
    });
    await stop(after);
    const { STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET } = sandbox.env;
    const printed = before.output() + after.output() + listed.stdout + drift.stdout;
    for (const secret of [...Object.values(SECRETS), STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET]) {
      expect(printed).not.toContain(secret);
    }
  });

  it('a payment that names nobody waits; named at Stripe, reconcile --repair credits it', async () => {
    const accountId = randomUUID();
    await catalogue({ price_KNOWN: PACK });
    const running = await serve();
    const { sessionId } = await sandbox.buy({ price: 'price_KNOWN' });
    await running.until('event not processed yet');
    expect(await florin('account', 'show', sessionId)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'belongs to no account yet. `florin events list --attention`',
      ),
    });
    const [event] = await attention();
    expect(event).toMatchObject({
      errorCode: 'account_unknown',
      customerId: null,
      error: expect.stringContaining('florin reconcile --repair'),
    });

    await sandbox.stripe.checkout.sessions.update(sessionId, { metadata: { userId: accountId } });
    const repaired = await florin('reconcile', '--repair', '--json');
    expect(repaired.code, repaired.stdout).toBe(0);
    expect(await available(accountId)).toBe(50);
    // The event that could not be credited is answered by what is known now.
    expect((await florin('events', 'replay', String(event?.eventId))).code).toBe(0);
    await expect.poll(attention, PATIENT).toEqual([]);
    expect(await listEntries(fresh.db, { accountId, limit: 10 })).toHaveLength(1);
    await stop(running);
  });

  it('catalog push shows the difference, asks, creates by lookup_key, and edits nothing', async () => {
    await catalogue({
      price_KNOWN: PACK,
      fresh_pack: { ...PACK, name: 'Fresh' },
      fresh_plan: { ...PACK, kind: 'recurring' },
    });
    const prices = async () => (await sandbox.stripe.prices.list({ limit: 100 })).data;
    const checked = await florin('catalog', 'check', '--json');
    expect(checked.code).toBe(1);
    expect(JSON.parse(checked.stdout)).toMatchObject({ ok: false });

    const unsaid = await florin('catalog', 'push', '--amount', 'fresh_pack=700');
    expect(unsaid.code).toBe(2);
    expect(unsaid.stderr).toContain('--amount fresh_plan=<minor units>');
    const wrong = await florin('catalog', 'push', '--amount', 'fresh_pack=seven');
    expect(wrong.code).toBe(2);
    const amounts = ['--amount', 'fresh_pack=700', 'fresh_plan=900', '--currency', 'EUR'];
    const unasked = await florin('catalog', 'push', ...amounts);
    expect(unasked.code).toBe(1);
    expect(unasked.stderr).toContain('Nothing was created');
    expect(unasked.stderr.split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^! price_KNOWN: .*usd.*Left as it is\.$/),
      '+ fresh_pack: 700 eur (minor units), one_time',
      '+ fresh_plan: 900 eur (minor units), recurring',
    ]);
    expect(await prices()).toHaveLength(1);

    const pushed = await florin('catalog', 'push', ...amounts, '--yes', '--json');
    expect(pushed.code, pushed.stderr).toBe(0);
    expect(JSON.parse(pushed.stdout).created.map(({ id }: { id: string }) => id)).toEqual([
      'fresh_pack',
      'fresh_plan',
    ]);
    const made = await prices();
    expect(made.map((one) => [one.lookup_key, one.unit_amount, one.currency])).toEqual(
      expect.arrayContaining([
        ['fresh_pack', 700, 'eur'],
        ['fresh_plan', 900, 'eur'],
        [null, 500, 'usd'],
      ]),
    );
    const again = await florin('catalog', 'push', ...amounts.slice(-2), '--yes');
    expect(again).toMatchObject({ code: 0, stdout: 'Nothing to create.\n' });
    expect(await prices()).toHaveLength(3);
  });

  it('catalog check refuses a card that changes the price of a version in use', async () => {
    const card = (page: object) => catalogue({ price_KNOWN: PACK }, { usage: { page } });
    const check = () => florin('catalog', 'check');
    const accountId = randomUUID();
    await issueGrant(fresh.db, { accountId, amount: 9, idempotencyKey: 'g', source: 'test' });
    const { usage } = parseCatalog({ prices: {}, usage: { page: { credits: 1 } } });
    const charges = createCharges({ db: fresh.db, card: usage });
    await charges.charge({ accountId, meter: 'page', quantity: 1, idempotencyKey: 'c' });
    await card({ credits: '1.0' });
    expect(await check()).toMatchObject({ code: 0, stdout: expect.stringContaining('usage: ok') });
    await card({ credits: 2 });
    const words =
      'usage.page: version 1 is in use with another price. Give the new price version 2';
    expect(await check()).toMatchObject({ code: 1, stdout: expect.stringContaining(words) });
    const checked = await florin('catalog', 'check', '--json');
    expect(JSON.parse(checked.stdout)).toMatchObject({
      ok: false,
      changedRates: [{ meter: 'page', version: 1 }],
    });
    const serving = await florin('serve');
    expect(serving).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
    await card({ credits: 2, version: 2 });
    expect((await check()).code).toBe(0);
  });

  it.each(['catalog check', 'catalog push', 'reconcile'])(
    '%s says what to set when it has no key for Stripe',
    async (command) => {
      const env = { DATABASE_URL: fresh.url };
      const finished = await runFlorin(command.split(' '), { cwd: folder, env });
      expect(finished.code).toBe(1);
      expect(finished.stderr).toContain('STRIPE_SECRET_KEY is missing: copy it from Stripe');
    },
  );

  it('reconcile reports nothing, rather than half, when Stripe does not answer', async () => {
    sandbox.failNext(100);
    const { code, stderr } = await florin('reconcile');
    expect(code).toBe(1);
    expect(stderr).toMatch(/Stripe did not answer/);
    expect(stderr).not.toContain('    at ');
  });

  describe('serve refuses to start, naming each fault and no value', () => {
    const malformed = {
      DATABASE_URL: 'mysql://localhost/florin',
      STRIPE_SECRET_KEY: 'pk_test_publishable',
      STRIPE_WEBHOOK_SECRET: 'we_the_endpoints_id',
      STRIPE_API_BASE: 'stripe.example',
      SUPABASE_URL: 'project-ref',
      JWT_SECRET: '5h0rt-0ne',
      FLORIN_SECRET_KEY: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      APP_URL: 'javascript:alert(1)',
      ALLOWED_ORIGINS: 'https://*.example.com',
      COOKIE_DOMAIN: '127.0.0.1',
      PORT: '99999',
      LOG_LEVEL: 'loud',
    };
    it('that is malformed or weak, all of them at once', async () => {
      const { code, stdout, stderr } = await runFlorin(['serve'], { cwd: folder, env: malformed });
      expect([code, stdout]).toEqual([1, '']);
      const faults = stderr.split('\n').filter((line) => line.startsWith('  - '));
      for (const name of Object.keys(malformed)) {
        expect(
          faults.filter((fault) => fault.startsWith(`  - ${name}`)),
          name,
        ).toHaveLength(1);
      }
      for (const name of ['JWT_SECRET', 'FLORIN_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET'] as const) {
        expect(stderr).not.toContain(malformed[name]);
      }
    });

    it.each([
      ['JWT_SECRET', 'your-secret-key-that-is-long-enough-to-pass', 'placeholder'],
      ['FLORIN_SECRET_KEY', 'change-me-change-me-change-me-change-me', 'placeholder'],
      ['JWT_SECRET', SECRETS.FLORIN_SECRET_KEY, 'the same'],
      ['JWT_SECRET', `${SECRETS.JWT_SECRET},short`, 'number 2 of the list'],
      ['FLORIN_CATALOG', 'nowhere.json', 'does not exist'],
    ])('%s that is weak or wrong (%#)', async (name, value, words) => {
      const env = { ...settings(), [name]: value };
      const { code, stderr } = await runFlorin(['serve'], { cwd: folder, env });
      expect(code).toBe(1);
      expect(stderr).toContain(words);
      expect(stderr.includes(value)).toBe(name === 'FLORIN_CATALOG');
    });

    it('a catalogue that says nonsense, by its place', async () => {
      await catalogue({ price_KNOWN: { ...PACK, credits: 0 } });
      const { code, stderr } = await florin('serve');
      expect(code).toBe(1);
      expect(stderr).toContain('prices.price_KNOWN.credits');
    });

    it('a database without the schema, and says how it gets one; other commands say so too', async () => {
      const empty = await freshDatabase({ empty: true });
      const env = { ...settings(), DATABASE_URL: empty.url };
      const refused = await runFlorin(['serve'], { cwd: folder, env });
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('florin migrate') });
      const listed = await runFlorin(['events', 'list'], { cwd: folder, env });
      expect(listed).toMatchObject({ code: 1, stderr: expect.stringContaining('florin migrate') });
      await empty.close();
    });

    it('a port that is taken', async () => {
      await catalogue({ price_KNOWN: PACK });
      const first = await serve();
      const second = await florin('serve');
      expect(second.code).toBe(1);
      expect(second.stderr).toContain(`Port ${port} is taken`);
      await stop(first);
    });
  });

  it('serve starts though the database is away, says so, and is not ready', async () => {
    await catalogue({ price_KNOWN: PACK });
    const running = await serve({ DATABASE_URL: 'postgresql://postgres:x@127.0.0.1:1/postgres' });
    expect(running.output()).toContain('the migrations could not be checked');
    const status = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 503]);
    expect(await figures()).toContain('florin_database_up 0');
    await stop(running);
  });

  it('reconcile --repair names each payment that it could not repair, says why, and ends with 1', async () => {
    const accountId = randomUUID();
    await catalogue({ price_KNOWN: PACK });
    await issueGrant(fresh.db, { accountId, amount: 1, idempotencyKey: 'gift', source: 'bonus' });
    await fresh.db.query("select credits.close_account($1, 'close:left')", [accountId]);
    const { sessionId } = await sandbox.buy({ price: 'price_KNOWN', accountId });
    const vain = await florin('reconcile', '--repair');
    expect(vain.code).toBe(1);
    expect(vain.stdout).toMatch(
      new RegExp(`paid_not_credited: .*${sessionId}.*\\n.*\\n {2}not repaired: .*is closed`),
    );
    const told = JSON.parse((await florin('reconcile', '--repair', '--json')).stdout);
    expect(told.failures).toContainEqual({
      subject: expect.stringContaining(`florin:checkout:${sessionId}:line:`),
      reason: expect.stringContaining('is closed'),
    });
  });

  it('the example of the settings starts nothing by itself: every secret in it is empty', async () => {
    const example = await readFile('.env.example', 'utf8');
    await writeFile(join(folder, '.env'), example);
    const { code, stderr } = await runFlorin(['serve'], { cwd: folder });
    expect(code).toBe(1);
    for (const name of ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'JWT_SECRET', 'APP_URL']) {
      expect(stderr).toContain(`${name} is missing`);
    }
  });
});
