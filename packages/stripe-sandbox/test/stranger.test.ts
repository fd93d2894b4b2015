import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasBrowser, launchBrowser } from './support/browser.ts';
import { freePorts } from './support/ports.ts';

const PACKAGE = resolve(import.meta.dirname, '..');
const ROOT = resolve(PACKAGE, '../..');
const SECRET = 'whsec_shop';

/** The package as it would be published, made beside the one that other tests build. */
async function packed(place: string): Promise<string> {
  const folder = join(place, 'package');
  await mkdir(folder);
  for (const name of ['package.json', 'README.md', 'CHANGELOG.md']) {
    await copyFile(join(PACKAGE, name), join(folder, name));
  }
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const compiled = [
    ...['-p', join(PACKAGE, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')],
    ...['--tsBuildInfoFile', join(place, 'tsbuildinfo')],
  ];
  await promisify(execFile)(process.execPath, [compiler, ...compiled]);
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', place];
  await promisify(execFile)('npm', pack, { cwd: folder });
  const { name, version } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8'));
  return join(place, `${name}-${version}.tgz`);
}

/** Resolves when the program has said so. */
async function untilItSays(child: ChildProcess, word: string): Promise<void> {
  let said = '';
  await new Promise<void>((done, failed) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(word)) {
        done();
      }
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('close', () => failed(new Error(`It ended: ${said}`)));
  });
}

describe.runIf(hasBrowser)("a stranger's project, with stripe and stripe-sandbox alone", () => {
  it('buys, subscribes, renews and refunds in a browser', { timeout: 240_000 }, async () => {
    const place = await mkdtemp(join(tmpdir(), 'stripe-sandbox-stranger-'));
    onTestFinished(() => rm(place, { recursive: true, force: true }));
    const project = join(place, 'shop');
    await mkdir(project);
    await writeFile(
      join(project, 'package.json'),
      JSON.stringify({ name: 'shop', private: true, type: 'module' }),
    );
    await copyFile(join(PACKAGE, 'test/support/shop.mjs'), join(project, 'shop.mjs'));
    await writeFile(
      join(project, 'shop.json'),
      JSON.stringify({
        prices: [
          { id: 'price_PACK', name: 'Pack', unitAmount: 500 },
          { id: 'price_PLAN', name: 'Plan', unitAmount: 900, recurring: { interval: 'month' } },
        ],
      }),
    );
    const { version } = JSON.parse(
      await readFile(join(ROOT, 'node_modules', 'stripe', 'package.json'), 'utf8'),
    );
    const archive = await packed(place);
    await promisify(execFile)(
      'npm',
      ['install', '--prefer-offline', '--no-audit', '--no-fund', archive, `stripe@${version}`],
      { cwd: project },
    );

    const [sandboxPort = 0, shopPort = 0] = await freePorts(2);
    const [sandboxUrl, shopUrl] = [
      `http://127.0.0.1:${sandboxPort}`,
      `http://127.0.0.1:${shopPort}`,
    ];
    const start = async (word: string, command: string[], env: Record<string, string> = {}) => {
      const [program = '', ...args] = command;
      const child = spawn(program, args, { cwd: project, env: { ...process.env, ...env } });
      onTestFinished(() => void child.kill('SIGKILL'));
      await untilItSays(child, word);
    };
    await start('ready', [
      join(project, 'node_modules', '.bin', 'stripe-sandbox'),
      ...['--port', String(sandboxPort), '--fixtures', 'shop.json'],
      ...['--webhook', `${shopUrl}/webhook`, '--webhook-secret', SECRET],
    ]);
    const shop = { PORT: String(shopPort), SANDBOX: sandboxUrl, SECRET };
    await start('shop is open', [process.execPath, 'shop.mjs'], shop);
    const heard = async () => (await fetch(shopUrl)).json() as Promise<string[]>;

    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    for (const [mode, paid] of [
      ['payment', 'paid: 500'],
      ['subscription', 'paid: 900'],
    ]) {
      await page.goto(`${shopUrl}/buy?mode=${mode}`);
      await page.getByLabel('Email').fill('ann@example.com');
      await page.getByTestId('pay').click();
      await page
        .locator('#paid')
        .getByText(paid ?? '')
        .waitFor();
    }
    await expect.poll(heard).toEqual(expect.arrayContaining(['invoice.paid', 'charge.succeeded']));

    await page.goto(`${sandboxUrl}/sandbox`);
    await page.getByRole('button', { name: '1 month' }).click();
    await expect
      .poll(async () => (await heard()).filter((type) => type === 'invoice.paid').length)
      .toBe(2);
    await page
      .getByRole('button', { name: /refund/i })
      .first()
      .click();
    await expect.poll(heard).toContain('charge.refunded');
  });
});
