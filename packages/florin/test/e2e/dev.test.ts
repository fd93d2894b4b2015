import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from 'florin-dev';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ensureBuilt,
  type FlorinProcess,
  freePorts,
  runFlorin,
  startFlorin,
} from '../support/florin-process.ts';

describe('florin dev', { timeout: 120_000 }, () => {
  let folder: string;
  let ports: { service: number; sandbox: number; issuer: number };
  const started: FlorinProcess[] = [];

  beforeAll(() => ensureBuilt(), 180_000);
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'florin-dev-'));
    await chmod(folder, 0o755);
    const [service = 0, sandbox = 0, issuer = 0] = await freePorts(3);
    ports = { service, sandbox, issuer };
  });
  afterEach(async () => {
    for (const { child, finished } of started.splice(0)) {
      child.kill('SIGTERM');
      await finished;
    }
    await endPostgres();
    await rm(folder, { recursive: true, force: true });
  });

  const start = async () => {
    const dev = await startFlorin(
      ['dev', '--sandbox-port', String(ports.sandbox), '--issuer-port', String(ports.issuer)],
      { cwd: folder, env: { PORT: String(ports.service) } },
    );
    started.push(dev);
    return dev;
  };
  const isReady = (dev: FlorinProcess) => dev.until(/^ready$/m);
  const get = async (port: number, path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  const postgresPid = async () => {
    const file = join(folder, '.florin', 'postgres', 'postmaster.pid');
    return Number((await readFile(file, 'utf8')).split('\n')[0]);
  };
  const endPostgres = async () => {
    const pid = await postgresPid().catch(() => 0);
    if (pid > 1 && isRunning(pid)) {
      process.kill(pid, 'SIGQUIT');
      await expect.poll(() => isRunning(pid)).toBe(false);
    }
  };
  const isOpen = (port: number) =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );

  it('says ready when everything answers, and Ctrl-C leaves nothing behind', async () => {
    const dev = await start();
    await isReady(dev);
    for (const path of [
      '/pricing.html',
      '/index.html',
      '/admin',
      '/healthz',
      '/readyz',
      '/api/plans',
    ]) {
      expect(await get(ports.service, path), path).toBe(200);
    }
    expect(await get(ports.issuer, '/auth/v1/.well-known/jwks.json')).toBe(200);
    expect((await stat(join(folder, '.florin', 'secrets.json'))).mode & 0o777).toBe(0o600);
    const postgres = await postgresPid();
    // As a terminal and npm do it: twice.
    dev.child.kill('SIGINT');
    dev.child.kill('SIGINT');
    const finished = await dev.finished;
    expect(finished).toMatchObject({ code: 0, signal: null, stderr: '' });
    // Whoever asked it to stop need not hear that connections end.
    expect(finished.stdout).not.toContain('"level"');
    expect(isRunning(postgres)).toBe(false);
    expect(await Promise.all(Object.values(ports).map(isOpen))).toEqual([false, false, false]);
    expect(existsSync(join(folder, '.florin', 'running.json'))).toBe(false);
  });

  it('keeps its data and its secrets for the next start, also after it was killed', {
    // Two starts and four commands: on a busy machine more than the usual limit.
    timeout: 90_000,
  }, async () => {
    const first = await start();
    await isReady(first);
    const secrets = await readFile(join(folder, '.florin', 'secrets.json'), 'utf8');
    const account = '00000000-0000-4000-8000-000000000001';
    const cli = (...args: string[]) => runFlorin(args, { cwd: folder });
    expect((await cli('account', 'grant', account, '7', '--reason', 'kept')).code).toBe(0);
    first.child.kill('SIGKILL');
    await first.finished;
    const second = await start();
    await isReady(second);
    expect(await readFile(join(folder, '.florin', 'secrets.json'), 'utf8')).toBe(secrets);
    const shown = JSON.parse((await cli('account', 'show', account, '--json')).stdout);
    expect(shown.balance.available).toBe(7);
    expect((await cli('doctor')).stdout).not.toContain('FAULT');
    second.child.kill('SIGTERM');
    expect((await second.finished).code).toBe(0);
  });

  it('names each port that is taken, and starts nothing', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(ports.sandbox, '127.0.0.1', resolve));
    const dev = await start();
    const finished = await dev.finished;
    blocker.close();
    expect(finished.code).toBe(1);
    expect(finished.stderr).toContain(`Port ${ports.sandbox} (the Stripe sandbox) is taken`);
    expect(existsSync(join(folder, '.florin'))).toBe(false);
  });

  it('refuses to run twice in one folder', async () => {
    await isReady(await start());
    const second = await runFlorin(['dev'], { cwd: folder });
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('runs here already');
  });
});

describe('florin serve', () => {
  it('refuses to start, naming every fault, and never a secret', async () => {
    const { code, stderr } = await runFlorin(['serve'], {
      env: { JWT_SECRET: 'much-too-short', PORT: 'http' },
    });
    expect(code).toBe(1);
    for (const name of [
      'DATABASE_URL',
      'STRIPE_SECRET_KEY',
      'STRIPE_WEBHOOK_SECRET',
      'SUPABASE_URL',
      'JWT_SECRET',
      'FLORIN_SECRET_KEY',
      'APP_URL',
      'PORT',
    ]) {
      expect(stderr).toContain(name);
    }
    expect(stderr).not.toContain('much-too-short');
  });
});
