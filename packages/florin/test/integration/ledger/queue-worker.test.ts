import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { issueGrant, listEntries, readBalance, verifyLedger } from '../../../src/ledger/index.ts';
import { ensureBuilt } from '../../support/florin-process.ts';
import { freshDatabase } from '../../support/postgres.ts';

const JITI = join(process.cwd(), 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs');

describe('examples/node/queue-worker.ts', { timeout: 120_000 }, () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  beforeAll(async () => {
    await ensureBuilt();
    database = await freshDatabase();
    // The first one makes the table, finds nothing and ends.
    await start({}).ended;
  });
  afterAll(() => database.close());

  function start(env: Record<string, string>) {
    const child = spawn(process.execPath, [JITI, 'examples/node/queue-worker.ts'], {
      env: { PATH: process.env['PATH'], DATABASE_URL: database.url, LEASE_SECONDS: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    });
    return { child, ended, said: () => said };
  }

  async function job(pages: number, credits: number) {
    const accountId = randomUUID();
    const funds = { accountId, amount: credits, idempotencyKey: 'funds', source: 'purchase' };
    await issueGrant(database.db, funds);
    const [row] = await database.db.query<{ id: number }>(
      `insert into jobs (account_id, pages) values ('${accountId}', ${pages}) returning id::int`,
    );
    return { accountId, id: row?.id ?? 0 };
  }
  const outcomeOf = async ({ id }: { id: number }) =>
    (await database.db.query(`select outcome from jobs where id = ${id}`))[0]?.['outcome'];
  const kindsOf = async ({ accountId }: { accountId: string }) =>
    (await listEntries(database.db, { accountId, limit: 100 }))
      .map(({ kind, amount }) => `${kind} ${amount}`)
      .reverse();

  /** Starts a worker and kills it when it has read two pages. */
  async function killedMidway(env: Record<string, string> = {}): Promise<void> {
    const worker = start({ PAGE_MS: '200', ...env });
    onTestFinished(() => void worker.child.kill('SIGKILL'));
    await expect.poll(worker.said, { timeout: 60_000 }).toContain('page 2\n');
    worker.child.kill('SIGKILL');
    expect(await worker.ended).toBeNull();
  }

  it('killed midway, its job is taken over with its hold by the next, and charged once', async () => {
    const long = await job(30, 40);
    const slow = { LEASE_SECONDS: '3', PAGE_MS: '250' };
    await killedMidway(slow);
    expect(await readBalance(database.db, long.accountId)).toMatchObject({ posted: 40, held: 30 });

    const next = start(slow);
    expect(await next.ended, next.said()).toBe(0);
    expect(next.said()).not.toContain('page 2\n');
    expect(next.said()).toContain('30 credits');
    expect(await outcomeOf(long)).toBe('30 credits');
    expect(await readBalance(database.db, long.accountId)).toMatchObject({ posted: 10, held: 0 });
    const kinds = await kindsOf(long);
    expect(kinds.filter((kind) => kind.startsWith('capture'))).toEqual(['capture -30']);
    // The work took longer than the hold.
    expect(kinds.filter((kind) => kind === 'extension 0').length).toBeGreaterThan(1);
    expect(await verifyLedger(database.db)).toEqual([]);
  });

  it('killed midway with nobody to follow, its hold lapses, and a later one reserves anew', async () => {
    const long = await job(10, 10);
    await killedMidway();
    const held = async () => (await readBalance(database.db, long.accountId)).held;
    await expect.poll(held, { timeout: 60_000 }).toBe(0);
    const next = start({ PAGE_MS: '1' });
    expect(await next.ended, next.said()).toBe(0);
    expect(await outcomeOf(long)).toBe('10 credits');
    expect(await kindsOf(long)).toContain('capture -10');
    expect(await readBalance(database.db, long.accountId)).toMatchObject({ posted: 0, held: 0 });
    expect(await verifyLedger(database.db)).toEqual([]);
  });

  it('reads nothing for an account that cannot pay for it', async () => {
    const poor = await job(10, 9);
    const worker = start({ PAGE_MS: '1' });
    expect(await worker.ended, worker.said()).toBe(0);
    expect(worker.said()).toBe('');
    expect(await outcomeOf(poor)).toBe('needs 10 credits');
  });
});
