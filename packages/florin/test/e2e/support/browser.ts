import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { build } from 'vite';

export {
  axeViolations,
  hasBrowser,
  launchBrowser,
  launchWithoutCookies,
} from '../../../../stripe-sandbox/test/support/browser.ts';

export type BuiltPages = { readonly directory: string; remove(): Promise<void> };

/** The pages as they are shipped, built into a directory of their own. */
export async function buildPages(): Promise<BuiltPages> {
  const directory = await mkdtemp(join(tmpdir(), 'florin-pages-'));
  await build({
    configFile: resolve(import.meta.dirname, '../../../vite.config.ts'),
    logLevel: 'error',
    build: { outDir: directory },
  });
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** Ends what moves: colours in the middle of a transition have contrasts that no rule means. */
export async function endAnimations(page: Page): Promise<void> {
  await page.evaluate(`for (const animation of document.getAnimations()) {
    if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
  }`);
}

/** Keeps a picture for whoever wants to look at what was seen: FLORIN_SCREENSHOTS=/tmp/seen. */
export async function keepPicture(
  page: Page,
  name: string,
  { fullPage = true }: { fullPage?: boolean } = {},
): Promise<void> {
  const folder = process.env['FLORIN_SCREENSHOTS'];
  if (folder !== undefined) {
    await endAnimations(page);
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  }
}
