import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runFlorin as runProgram } from '../../src/cli/program.ts';
import { connect, listMigrations } from '../../src/db/index.ts';
import { ensureBuilt, runFlorin } from '../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { spend } from '../support/spend.ts';

describe('the command line', { timeout: 120_000 }, () => {
  let fresh: FreshDatabase;
  let folder: string;
  beforeAll(async () => {
    await ensureBuilt();
    fresh = await freshDatabase();
  });
  afterAll(() => fresh.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'florin-cli-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const florin = (...args: string[]) =>
    runFlorin(args, { cwd: folder, env: { DATABASE_URL: fresh.url } });

  describe('ends with', () => {
    it.each([
      [['--help'], 0],
      [['--version'], 0],
      [['migrate', '--help'], 0],
      [['account', 'grant', '--help'], 0],
      [[], 2],
      [['fly'], 2],
      [['migrate', '--fast'], 2],
      [['events'], 2],
      [['events', 'show'], 2],
      [['events', 'list', '--status', 'lost'], 2],
      [['account', 'show', 'not-a-uuid'], 2],
      [['account', 'grant', randomUUID(), '0', '--reason', 'x'], 2],
      [['account', 'grant', randomUUID(), '1.5', '--reason', 'x'], 2],
      [['account', 'grant', randomUUID(), '10'], 2],
      [['account', 'grant', randomUUID(), '10', '--reason', ' '], 2],
      [['account', 'adjust', randomUUID(), '0', '--reason', 'x'], 2],
      [['account', 'transfer', randomUUID(), randomUUID(), '1', '--reason', ''], 2],
      [['migrate', '--directory', 'nowhere'], 2],
      [['migrate', '--check', '--directory', 'nowhere'], 2],
      [['init', '--directory', process.execPath], 2],
      [['events', 'show', 'evt_unknown'], 1],
    ])('florin %j: %i', async (args, code) => {
      const finished = await florin(...args);
      expect(finished).toMatchObject({ code });
      expect(finished.stdout + finished.stderr).not.toBe('');
    });

    it('1 and what to set, when it has no database', async () => {
      const { code, stderr } = await runFlorin(['verify'], { cwd: folder });
      expect(code).toBe(1);
      expect(stderr).toContain('DATABASE_URL is missing');
    });

    it('1 and no stack, when the database cannot be reached', async () => {
      const { code, stderr } = await runFlorin(['verify'], {
        cwd: folder,
        env: { DATABASE_URL: 'postgresql://postgres:secret@127.0.0.1:1/postgres' },
      });
      expect(code).toBe(1);
      expect(stderr).toContain('cannot be reached');
      expect(stderr).not.toContain('secret');
      expect(stderr).not.toContain('    at ');
    });
  });

  it.each([
    'dev',
    'serve',
    'migrate',
    'reconcile',
    'verify',
    'doctor',
    'init',
    'catalog check',
    'catalog push',
    'events list',
    'events show',
    'events replay',
    'events dismiss',
    'account show',
    'account grant',
    'account adjust',
    'account transfer',
    'person export',
    'person erase',
  ])('%s --help says how it is called and what it does', async (command) => {
    let text = '';
    const out = (part: string) => {
      text += part;
    };
    const terminal = { out, err: () => undefined };
    expect(await runProgram([...command.split(' '), '--help'], terminal)).toBe(0);
    expect(text).toContain(`Usage: florin ${command}`);
    expect(text.split('\n\n')[1]?.length).toBeGreaterThan(20);
    if (!['dev', 'serve'].includes(command)) {
      expect(text).toContain('--json');
    }
  });

  it('a reader that stops early is no failure', async () => {
    const program = join(process.cwd(), 'packages', 'florin', 'dist', 'cli', 'main.js');
    const script = `"${process.execPath}" "${program}" --help | true; echo \${PIPESTATUS[0]}`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script]);
    expect([stdout, stderr]).toEqual(['0\n', '']);
  });

  it('reads .env of the folder, and the environment wins over it', async () => {
    await writeFile(join(folder, '.env'), `DATABASE_URL=${fresh.url}\n`);
    expect((await runFlorin(['verify'], { cwd: folder })).code).toBe(0);
    const wins = await runFlorin(['verify'], {
      cwd: folder,
      env: { DATABASE_URL: 'postgresql://postgres:x@127.0.0.1:1/postgres' },
    });
    expect(wins.code).toBe(1);
  });

  it('migrate brings a database up to date, and --check tells whether it is', async () => {
    const empty = await freshDatabase({ empty: true });
    try {
      const env = { DATABASE_URL: empty.url };
      const versions = (await listMigrations()).map((one) => one.version);
      const before = await runFlorin(['migrate', '--check', '--json'], { cwd: folder, env });
      expect(before.code).toBe(1);
      expect(JSON.parse(before.stdout)).toEqual({ pending: versions });
      const applied = await runFlorin(['migrate', '--json'], { cwd: folder, env });
      expect(JSON.parse(applied.stdout)).toEqual({ applied: versions, present: [] });
      const after = await runFlorin(['migrate', '--check'], { cwd: folder, env });
      expect(after).toMatchObject({ code: 0, stdout: 'The database is current.\n' });
    } finally {
      await empty.close();
    }
  });

  it('account grants once for one key, adjusts, and shows what happened', async () => {
    const account = randomUUID();
    const give = () =>
      florin('account', 'grant', account, '50', '--reason', 'welcome', '--key', 'k-1', '--json');
    const first = JSON.parse((await give()).stdout);
    const second = JSON.parse((await give()).stdout);
    expect(first).toMatchObject({ available: 50, replayed: false });
    expect(second).toMatchObject({ grantId: first.grantId, available: 50, replayed: true });
    const less = await florin(
      'account',
      'adjust',
      account,
      '-20',
      '--reason',
      'typo',
      '--actor',
      'ada',
      '--note',
      'ticket\u001b[2J 81',
      '--json',
    );
    expect(JSON.parse(less.stdout)).toMatchObject({ available: 30 });
    const shown = JSON.parse((await florin('account', 'show', account, '--json')).stdout);
    expect(shown.balance).toMatchObject({ posted: 30, held: 0, available: 30 });
    expect(shown.entries.map((entry: { amount: number }) => entry.amount)).toEqual([-20, 50]);
    const { stdout } = await florin('account', 'show', account);
    expect(stdout).toContain('30 available');
    expect(stdout).toContain('typo (by ada) [ticket\\u001b[2J 81]');
  });

  it('account show gives the terminal no orders that a buyer has written', async () => {
    const account = randomUUID();
    const reason = 'gift \u001b]0;pwned\u0007\u001b[2J\u009b31m\u202etxt\nforged row';
    await florin('account', 'grant', account, '5', '--reason', reason);
    for (const json of [[], ['--json']]) {
      const { stdout } = await florin('account', 'show', account, ...json);
      expect(stdout).toContain('gift \\u001b]0;pwned');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(stdout).not.toMatch(/^forged row/m);
    }
    const { entries } = JSON.parse((await florin('account', 'show', account, '--json')).stdout);
    expect(entries[0].metadata.reason).toBe(reason);
  });

  it('account grant and adjust keep who did it: the name given, or the user of this machine', async () => {
    const account = randomUUID();
    const user = userInfo().username;
    const reason = ['--reason', 'goodwill'];
    await florin('account', 'grant', account, '5', ...reason);
    await florin('account', 'grant', account, '5', ...reason, '--actor', ' ada ');
    await florin('account', 'adjust', account, '-1', ...reason);
    const { entries } = JSON.parse((await florin('account', 'show', account, '--json')).stdout);
    expect(entries.map((entry: { metadata: object }) => entry.metadata)).toEqual([
      { reason: 'goodwill', actor: user },
      { reason: 'goodwill', actor: 'ada' },
      { reason: 'goodwill', actor: user },
    ]);
    for (const actor of ['', ' ', 'a'.repeat(101)]) {
      const refused = await florin('account', 'grant', account, '5', ...reason, '--actor', actor);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('who you are') });
    }
  });

  it('account show tells why: what became of each grant, with a sum', async () => {
    const account = randomUUID();
    const give = (amount: string, reason: string, ...more: string[]) =>
      florin('account', 'grant', account, amount, '--reason', reason, ...more);
    await give('50', 'welcome');
    await give('20', 'campaign', '--expires-at', '2099-01-31');
    await spend(fresh.db, { accountId: account, amount: 33, idempotencyKey: 'scan:1' });
    await fresh.db.query("select billing.keep_customer($1, 'cus_explained')", [account]);
    const { stdout } = await florin('account', 'show', 'cus_explained');
    const lines = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(lines[0]).toEqual([`${account}: 37 available (37 posted, 0 held)`]);
    expect(lines[1]).toEqual(['customer cus_explained']);
    // Soonest expiry first: the campaign's 20, then 13 of the welcome's.
    expect(lines.find(([, reason]) => reason === 'campaign')?.slice(2)).toEqual([
      ...['20', '20', '0', '0', '0', '0', '0', '0', '2099-01-31T00:00:00.000Z'],
    ]);
    expect(lines.find(([, reason]) => reason === 'welcome')?.slice(2)).toEqual([
      ...['50', '13', '0', '0', '0', '0', '0', '37', 'never'],
    ]);
    expect(lines.find(([first]) => first === 'available')).toEqual(['available', '37']);
  });

  it('account show of a stranger says that there is nothing, or where to look', async () => {
    const nobody = await florin('account', 'show', randomUUID());
    expect(nobody).toMatchObject({ code: 0, stdout: expect.stringContaining('no ledger yet') });
    const customer = await florin('account', 'show', 'cus_nobody');
    expect(customer.code).toBe(1);
    expect(customer.stderr).toContain('florin events list --attention');
    for (const wrong of ['ada', 'price_1', '']) {
      expect(await florin('account', 'show', wrong)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("or an id of Stripe's"),
      });
    }
    const address = await florin('account', 'show', 'ada@example.com');
    expect(address).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('STRIPE_SECRET_KEY is missing'),
    });
  });

  it('account says so when a key is used again for something else', async () => {
    const account = randomUUID();
    await florin('account', 'grant', account, '5', '--reason', 'a', '--key', 'k-1');
    const other = await florin(
      'account',
      'grant',
      account,
      '6',
      '--reason',
      'a',
      '--key',
      'k-1',
      '--json',
    );
    expect(other.code).toBe(1);
    expect(JSON.parse(other.stdout)).toMatchObject({ error: { code: 'idempotency_key_reused' } });
  });

  it('verify finds a sound ledger sound', async () => {
    await florin('account', 'grant', randomUUID(), '5', '--reason', 'a');
    const { code, stdout } = await florin('verify', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ sound: true, broken: [], unitsPerCredit: 1 });
  });

  it('verify names the account and the invariant that somebody broke, and ends with 1', async (test) => {
    test.skip(fresh.adminUrl === '', 'needs a superuser, who alone can break it');
    const account = randomUUID();
    await florin('account', 'grant', account, '5', '--reason', 'a');
    const admin = connect({ url: fresh.adminUrl, maxConnections: 1 });
    const tamper = (amount: number) =>
      admin.transaction(async (tx) => {
        await tx.query("set local session_replication_role = 'replica'");
        await tx.query('update credits.entries set amount = $1 where account_id = $2', [
          amount,
          account,
        ]);
      });
    await tamper(500);
    const { code, stdout } = await florin('verify', account, '--json');
    expect(code).toBe(1);
    const { sound, broken } = JSON.parse(stdout);
    expect(sound).toBe(false);
    expect(broken).toContainEqual({
      accountId: account,
      invariant: expect.any(String),
      detail: expect.any(String),
    });
    await tamper(5);
    await admin.close();
    expect((await florin('verify', account)).code).toBe(0);
  });

  it('init writes a project once, keeps what was changed, and overwrites only when forced', async () => {
    const first = await florin('init', '--json');
    expect(first.code).toBe(0);
    const { files, stripeEvents } = JSON.parse(first.stdout);
    expect(stripeEvents).toContain('checkout.session.completed');
    expect(files.every((file: { state: string }) => file.state === 'written')).toBe(true);
    const shipped = await listMigrations();
    expect(await listMigrations(join(folder, 'supabase', 'migrations'))).toHaveLength(
      shipped.length,
    );
    await writeFile(join(folder, 'florin.config.ts'), 'mine');
    const again = await florin('init');
    expect(again.code).toBe(1);
    expect(again.stdout).toContain('differs    florin.config.ts');
    expect(await readFile(join(folder, 'florin.config.ts'), 'utf8')).toBe('mine');
    expect((await florin('init', '--force')).code).toBe(0);
    expect(await readFile(join(folder, 'florin.config.ts'), 'utf8')).toContain('defineCatalog');
  });

  it('doctor names what is missing and how to mend it, and shows no secret', async () => {
    const { code, stdout } = await runFlorin(['doctor', '--json'], {
      cwd: folder,
      env: { DATABASE_URL: fresh.url, JWT_SECRET: 'far-too-short' },
    });
    expect(code).toBe(1);
    expect(stdout).not.toContain('far-too-short');
    expect(stdout).not.toContain(new URL(fresh.url).password);
    const { healthy, checks } = JSON.parse(stdout);
    expect(healthy).toBe(false);
    const byName = Object.fromEntries(checks.map((check: { name: string }) => [check.name, check]));
    for (const name of [
      'reachable',
      'version',
      'migrations',
      'roles',
      'rights',
      'exposure',
      'clock',
    ]) {
      expect(byName[`database.${name}`]).toMatchObject({ status: 'ok' });
    }
    for (const name of ['stripe.key', 'supabase.keys', 'service.jwt_secret', 'service.app_url']) {
      expect(byName[name]).toMatchObject({ status: 'fault' });
      expect(byName[name].mend).not.toBe('');
    }
  });
});
