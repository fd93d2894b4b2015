import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
