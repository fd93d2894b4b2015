import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueGrant, readBalance, verifyLedger } from '../../../src/ledger/index.ts';
import { ensureBuilt } from '../../support/florin-process.ts';
import { freshDatabase } from '../../support/postgres.ts';

const JITI = join(process.cwd(), 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs');
const DOCUMENT = ['one two three', 'four five', 'six'].join('\f');

describe('examples/node/scan-worker.ts', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  beforeAll(async () => {
    await ensureBuilt();
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  async function funded(amount: number) {
    const accountId = randomUUID();
    const funds = { accountId, amount, idempotencyKey: 'funds', source: 'purchase' };
    await issueGrant(database.db, funds);
    return accountId;
  }

  function start(accountId: string) {
    const child = spawn(
      process.execPath,
      [JITI, 'examples/node/scan-worker.ts', accountId, 'job-1'],
      {
        env: { PATH: process.env['PATH'], DATABASE_URL: database.url },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    let said = '';
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    // Whoever is killed reads no more.
    child.stdin.on('error', () => {});
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    });
    return { child, ended, said: () => said };
  }

  async function finish(accountId: string) {
    const worker = start(accountId);
    worker.child.stdin.end(DOCUMENT);
    return { code: await worker.ended, said: worker.said() };
  }

  it('charges the pages that it read; killed midway it loses nothing, and started again it is charged once', {
    timeout: 120_000,
  }, async () => {
    const accountId = await funded(60);
    const killed = start(accountId);
    killed.child.stdin.write('one two three\ffour five\f');
    await expect.poll(killed.said, { timeout: 60_000 }).toContain('page 2');
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await readBalance(database.db, accountId)).toMatchObject({ posted: 60, held: 50 });

    // 10 credits are available, 50 are reserved: only who finds that hold again can go on.
    expect(await finish(accountId)).toEqual({
      code: 0,
      said: 'page 1: 3 words\npage 2: 2 words\npage 3: 1 words\n3 pages; 3 credits\n57 credits left\n',
    });
    const again = await finish(accountId);
    expect(again.said).toContain('3 pages; 3 credits, charged before\n57 credits left');
    expect(await readBalance(database.db, accountId)).toMatchObject({ posted: 57, held: 0 });
    expect(await verifyLedger(database.db)).toEqual([]);
  });

  it('reads nothing for an account that cannot pay for it', { timeout: 60_000 }, async () => {
    expect(await finish(await funded(49))).toEqual({
      code: 1,
      said: 'needs 50 credits, 49 are there\n',
    });
  });
});
