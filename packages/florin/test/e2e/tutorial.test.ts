import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createIssuer, type Issuer } from 'florin-dev';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StripeSandbox, startStripeSandbox } from '../../src/testing.ts';
import { ensureBuilt, freePorts } from '../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { hasBrowser, launchBrowser } from './support/browser.ts';

const ROOT = process.cwd();

/** A code block of the tutorial: commands, or with a path the file of that name. */
type Block = { readonly path: string | undefined; readonly text: string };

function readBlocks(markdown: string): Map<string, Block[]> {
  const sections = markdown.split(/^## (?=\d+\. )/m).slice(1);
  return new Map(
    sections.map((section) => [
      section.slice(0, section.indexOf('.')),
      [
        ...section
          .split(/^## /m, 1)
          .join('')
          .matchAll(/^```\w+(?: (\S+))?\n([\s\S]*?)^```$/gm),
      ].map(([, path, text = '']) => ({ path, text })),
    ]),
  );
}

const BLOCKS = readBlocks(await readFile(join(ROOT, 'docs', 'tutorial.md'), 'utf8'));

/**
 * docs/tutorial.md, step by step: its files are written and its commands typed, in an empty folder. What
 * stands in for Docker, Stripe and the registry is in `commandFor` and `settings`.
 */
describe.runIf(hasBrowser)('the tutorial', { timeout: 300_000 }, () => {
  let place: string;
  let shop: string;
  let port: number;
  let database: FreshDatabase;
  let sandbox: StripeSandbox;
  let issuer: Issuer;
  let browser: Browser;
  let tarball: string;
  let settings: Record<string, string>;

  beforeAll(async () => {
    await ensureBuilt();
    place = await mkdtemp(join(tmpdir(), 'florin-tutorial-'));
    shop = place;
    const [own = 0, issuerPort = 0] = await freePorts(2);
    port = own;
    issuer = createIssuer({ host: '127.0.0.1', port: issuerPort });
    const webhookUrl = `http://127.0.0.1:${port}/api/stripe/webhook`;
    [database, sandbox, browser] = await Promise.all([
      freshDatabase({ empty: true }),
      startStripeSandbox({ port: 0, webhookUrl }),
      launchBrowser(),
      issuer.start(),
    ]);
    const supabase = `http://127.0.0.1:${issuerPort}`;
    settings = {
      ...sandbox.env,
      DATABASE_URL: database.url,
      SUPABASE_URL: supabase,
      NEXT_PUBLIC_SUPABASE_URL: supabase,
      NEXT_PUBLIC_SUPABASE_PUBLISHABLE_KEY: 'sb_publishable_of_the_test',
      JWT_SECRET: 'plan-Sessions-0f9a3c71b2d84e6590ab',
      FLORIN_SECRET_KEY: 'server-Key-7c1e4f0f9a550d8a5f0e7c11',
      APP_URL: `http://localhost:${port}`,
    };
    const packed = await run(
      'npm pack --ignore-scripts --silent --pack-destination',
      [place],
      join(ROOT, 'packages', 'florin'),
    );
    tarball = join(place, packed.trim());
  }, 180_000);
  afterAll(async () => {
    await Promise.all([sandbox?.stop(), issuer?.stop(), browser?.close()]);
    await database?.close();
    await rm(place, { recursive: true, force: true });
  });

  async function run(command: string, more: readonly string[], cwd: string): Promise<string> {
    const [program = '', ...args] = [...command.split(' '), ...more];
    const { stdout, stderr } = await promisify(execFile)(program, args, {
      cwd,
      env: environment(),
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout + stderr;
  }

  /** What a person's shell has, and no settings of whoever runs the tests. */
  const environment = () => ({
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? place,
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => /^npm_config_(registry|cache)$/i.test(name)),
    ),
    CI: 'true',
    NEXT_TELEMETRY_DISABLED: '1',
    SUPABASE_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  });

  /** The command as it is run here; undefined for what has a stand-in. */
  function commandFor(line: string): { command: string; more: string[] } | undefined {
    if (/^(npx supabase start|stripe listen .*|npm run dev)$/.test(line)) {
      return undefined;
    }
    if (line === 'npx supabase db push') {
      return { command: line, more: ['--yes', '--remote', database.url] };
    }
    const command = line.replace(/^npm install florin\b/, `npm install ${tarball}`);
    const fromCache = ['--prefer-offline', '--no-audit', '--no-fund'];
    return { command, more: command.startsWith('npm install') ? fromCache : [] };
  }

  /** Does a step of the tutorial; answers with what its commands printed. */
  async function walk(step: string): Promise<string> {
    const blocks = BLOCKS.get(step) ?? [];
    expect(blocks.length, `step ${step} has something to do`).toBeGreaterThan(0);
    let printed = '';
    for (const { path, text } of blocks) {
      if (path !== undefined) {
        await write(path, path === '.env' ? fillIn(text) : text);
        continue;
      }
      for (const line of text.trim().split('\n')) {
        if (line.startsWith('cd ')) {
          shop = join(shop, line.slice(3));
          continue;
        }
        const one = commandFor(line);
        printed += one === undefined ? '' : await run(one.command, one.more, shop);
      }
    }
    return printed;
  }

  async function write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(shop, path)), { recursive: true });
    await writeFile(join(shop, path), text);
  }

  /** Every line gets a value, as from a person; the sandbox's address is the one more. */
  function fillIn(text: string): string {
    const lines = text.trim().split('\n');
    const filled = lines.map((line) => {
      const name = line.slice(0, line.indexOf('='));
      expect(settings, 'the test knows a value for').toHaveProperty(name);
      return `${name}=${settings[name]}`;
    });
    return `${[...filled, `STRIPE_API_BASE=${sandbox.env.STRIPE_API_BASE}`].join('\n')}\n`;
  }

  it('1. makes two empty projects', async () => {
    await walk('1');
    expect(await readFile(join(shop, 'supabase', 'config.toml'), 'utf8')).toContain('project_id');
  });

  it('2. puts the ledger into the database', async () => {
    expect(await walk('2')).toContain('Finished');
    const rows = await database.db.query('select * from credits.balances');
    expect(rows).toEqual([]);
  });

  it('3. writes the catalogue and the settings, and makes the price', async () => {
    expect(await walk('3')).toContain('pack: ok');
  });

  it('4. to 6. add the files, which compile for production', async () => {
    for (const step of ['4', '5', '6']) {
      await walk(step);
    }
    expect(await run('npx next build', [], shop)).toContain('/api/[...florin]');
  });

  it('7. sells fifty credits and spends the first', async () => {
    const stop = await startDev();
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(120_000);
      await page.goto(`http://localhost:${port}`);
      await page.getByLabel('Email').fill('ada@example.com');
      await page.getByLabel('Password').fill('correct-horse-battery');
      await page.getByRole('button', { name: 'Sign up' }).click();
      await page.getByRole('button', { name: 'Scan a page' }).click();
      await page.getByRole('status').getByText('Buy credits first.').waitFor();
      await page.getByRole('button', { name: 'Buy 50 credits' }).click();
      await page.getByLabel('Card number').fill('4242 4242 4242 4242');
      await page.getByRole('button', { name: /^Pay/ }).click();
      await page.waitForURL(/\/index\.html\?success=true/);
      await page.getByText('50 credits', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Scan a page' }).click();
      await page.getByText('Scanned. 49 credits left.').waitFor();
      const balances = await database.db.query('select b.available from credits.balances b');
      expect(balances).toEqual([{ available: 49 }]);
    } finally {
      await stop();
    }
    const printed = await walk('7');
    expect(printed).toContain('checkout.session.completed');
  });

  async function startDev(): Promise<() => Promise<void>> {
    const child = spawn(join(shop, 'node_modules', '.bin', 'next'), ['dev', '--port', `${port}`], {
      cwd: shop,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    let said = '';
    await new Promise<void>((resolve, reject) => {
      const listen = (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('Ready in')) {
          resolve();
        }
      };
      child.stdout.on('data', listen);
      child.stderr.on('data', listen);
      child.once('close', () => reject(new Error(`next dev did not start:\n${said}`)));
    });
    return async () => {
      child.kill('SIGTERM');
      await ended;
    };
  }
});
