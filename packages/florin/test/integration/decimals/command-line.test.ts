import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueGrant, keepDecimals } from '../../../src/ledger/index.ts';
import { type StripeSandbox, startStripeSandbox } from '../../../src/testing.ts';
import { ensureBuilt, freePorts, runFlorin } from '../../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { asOwner } from '../webhooks/shop.ts';

const PACK = { credits: '12.5', reason: 'pack', planType: 'credits', kind: 'one_time' };

/** Every command is a process of its own, on a ledger with two decimals and an account. */
describe('the command line with decimals', { timeout: 120_000 }, () => {
  const accountId = randomUUID();
  let fresh: FreshDatabase;
  let sandbox: StripeSandbox;
  let folder: string;
  let port: number;
  beforeAll(async () => {
    await ensureBuilt();
    fresh = await freshDatabase();
    await keepDecimals(fresh.db, 2);
    await issueGrant(fresh.db, { accountId, amount: 325, idempotencyKey: 'g', source: 'test' });
    [port = 0] = await freePorts(1);
    folder = await mkdtemp(join(tmpdir(), 'florin-decimals-'));
    sandbox = await startStripeSandbox({
      port: 0,
      prices: [{ id: 'price_KNOWN', name: 'Known', unitAmount: 500 }],
    });
  }, 120_000);
  afterAll(async () => {
    await sandbox.stop();
    await fresh.close();
    await rm(folder, { recursive: true, force: true });
  });

  const florin = (...args: string[]) => {
    const env = {
      JWT_SECRET: 'plan-Sessions-0f9a3c71b2d84e6590ab',
      FLORIN_SECRET_KEY: 'server-Key-7c1e4f0f9a550d8a5f0e7c11',
      ...sandbox.env,
      DATABASE_URL: fresh.url,
      SUPABASE_URL: 'http://127.0.0.1:1',
      APP_URL: 'http://localhost',
      PORT: String(port),
    };
    return runFlorin(args, { cwd: folder, env });
  };
  const catalogue = (decimals: number) => {
    const price_KNOWN = { ...PACK, credits: decimals === 0 ? 12 : PACK.credits };
    const catalog = { credit: { decimals }, prices: { price_KNOWN } };
    return writeFile(join(folder, 'florin.config.json'), JSON.stringify(catalog));
  };

  it.each([0, 1, 3])(
    'refuses a catalogue of %s decimals, and says what to do',
    async (decimals) => {
      await catalogue(decimals);
      const mend = `the ledger's amounts have 2 decimals, and the catalogue says ${decimals}. They are set once: say 2 in the catalogue, or begin a new ledger in another database.`;
      const served = await florin('serve');
      expect(served).toMatchObject({ code: 1, stdout: '' });
      expect(served.stderr).toContain(`credit.decimals: ${mend}`);
      expect(served.stderr).not.toContain('    at ');
      const { code, stdout } = await florin('doctor', '--json');
      expect(code).toBe(1);
      const { checks } = JSON.parse(stdout) as { checks: { name: string }[] };
      expect(checks.find(({ name }) => name === 'catalogue.decimals')).toMatchObject({
        status: 'fault',
        found: `${decimals} decimals, and the ledger has 2`,
        mend: expect.stringContaining(mend),
      });
      const shown = await florin('account', 'show', accountId, '--json');
      expect(JSON.parse(shown.stdout)).toMatchObject({ balance: { available: '3.25' } });
      const known = await florin('person', 'export', accountId);
      expect(JSON.parse(known.stdout)).toMatchObject({ account: [{ posted: '3.25' }] });
    },
  );

  it('is content with the same decimals', async () => {
    await catalogue(2);
    const { checks } = JSON.parse((await florin('doctor', '--json')).stdout) as {
      checks: { name: string }[];
    };
    expect(checks.find(({ name }) => name === 'catalogue.decimals')).toMatchObject({
      status: 'ok',
      found: 'credits have 2',
    });
  });

  it('tells what reconcile finds in credits, and mends it to the unit', async () => {
    await catalogue(2);
    const buyer = randomUUID();
    await sandbox.buy({ price: 'price_KNOWN', accountId: buyer });
    const read = await florin('reconcile');
    expect(read.code).toBe(1);
    expect(read.stdout).toMatch(/paid_not_credited: .*: 12\.5 credits/);
    const found = JSON.parse((await florin('reconcile', '--json')).stdout);
    expect(found.findings).toContainEqual(
      expect.objectContaining({ kind: 'paid_not_credited', credits: '12.5' }),
    );
    expect((await florin('reconcile', '--repair')).code).toBe(0);
    const shown = await florin('account', 'show', buyer);
    expect(shown.stdout).toContain('12.5');
    const rows = await fresh.db.query('select posted from credits.read_balance($1)', [buyer]);
    expect(rows).toEqual([{ posted: 1250 }]);
  });

  it('says how many units make a credit where verify tells the amounts of a broken ledger', async () => {
    await catalogue(2);
    expect(await florin('verify')).toMatchObject({ code: 0, stdout: 'The ledger is sound.\n' });
    const change = (by: number) =>
      asOwner(
        fresh,
        `update credits.accounts set posted = posted + ${by} where account_id = '${accountId}'`,
      );
    await change(1);
    const { code, stdout } = await florin('verify', accountId);
    expect(code).toBe(1);
    expect(stdout).toContain('326');
    expect(stdout).toContain('Amounts above are in units: 100 are one credit.\n');
    const { broken, unitsPerCredit } = JSON.parse((await florin('verify', '--json')).stdout);
    expect([broken.length > 0, unitsPerCredit]).toEqual([true, 100]);
    await change(-1);
  });
});
