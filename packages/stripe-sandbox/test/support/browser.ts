import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/**
 * True where there is a browser to test with. In CI there must be one: there the tests run in any
 * case and fail with the reason.
 */
export const hasBrowser = existsSync(CHROMIUM) || Boolean(process.env['CI']);

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium, quiet: it asks nobody for updates, components or addresses. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: requireChromium(), args: ARGUMENTS });
}

/** A browser whose user has blocked cookies: Chromium then refuses localStorage too. */
export async function launchWithoutCookies(): Promise<BrowserContext> {
  const profile = await mkdtemp(join(tmpdir(), 'browser-profile-'));
  await mkdir(join(profile, 'Default'));
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: requireChromium(),
    args: ARGUMENTS,
  });
  // The browser still writes a moment longer.
  context.once('close', () => rm(profile, { recursive: true, force: true, maxRetries: 10 }));
  return context;
}

function requireChromium(): string {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`No Chromium at ${CHROMIUM}. Install it: apt-get install chromium`);
  }
  return CHROMIUM;
}

type AxeResult = { violations: { id: string; help: string; nodes: { html: string }[] }[] };

/**
 * What axe-core finds wrong with the page as it is now, as `rule: element` lines. Run through the
 * debugger, so that the page keeps its content security policy.
 */
export async function axeViolations(page: Page): Promise<readonly string[]> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.evaluate(await readFile(path, 'utf8'));
  const { violations } = await page.evaluate<AxeResult>('axe.run(document)');
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `${id} (${help}): ${html.slice(0, 160)}`),
  );
}
