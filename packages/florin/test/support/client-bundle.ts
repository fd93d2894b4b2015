import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rollup } from 'vite';

type Output = Rollup.RollupOutput['output'];

/** `florin/client` as an app's bundler makes it, minified, and its bytes gzipped. */
export async function bundleClient(): Promise<{ output: Output; size: number }> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: {
        input: resolve(import.meta.dirname, '../../src/browser/index.ts'),
        // As a library Vite would keep the white space; all that the client exports is in use.
        preserveEntrySignatures: 'strict',
      },
    },
  });
  if (!('output' in result)) {
    throw new Error('Vite made no bundle of the client.');
  }
  const { output } = result;
  return { output, size: gzipSync(output[0].code, { level: 9 }).length };
}
