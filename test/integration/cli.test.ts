import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listMigrations } from '../../src/db/index.ts';
import { ensureBuilt, runFlorin } from '../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

describe('the command line', () => {
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

    it('1 and no stack, when the database can not be reached', async () => {
      const { code, stderr } = await runFlorin(['verify'], {
        cwd: folder,
        env: { DATABASE_URL: 'postgresql://postgres:secret@127.0.0.1:1/postgres' },
      });
      expect(code).toBe(1);
      expect(stderr).toContain('can not be reached');
      expect(stderr).not.toContain('secret');
      expect(stderr).not.toContain('    at ');
    });
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
      '--by',
      'ada',
      '--json',
    );
    expect(JSON.parse(less.stdout)).toMatchObject({ available: 30 });
    const shown = JSON.parse((await florin('account', 'show', account, '--json')).stdout);
    expect(shown.balance).toMatchObject({ posted: 30, held: 0, available: 30 });
    expect(shown.entries.map((entry: { amount: number }) => entry.amount)).toEqual([-20, 50]);
    expect((await florin('account', 'show', account)).stdout).toContain('30 available');
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
    expect(JSON.parse(stdout)).toEqual({ sound: true, broken: [] });
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
