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
      lib: {
        entry: resolve(import.meta.dirname, '../../src/browser/index.ts'),
        formats: ['es'],
        fileName: 'client',
      },
      minify: true,
    },
  });
  const [bundle] = Array.isArray(result) ? result : [];
  if (bundle === undefined) {
    throw new Error('Vite made no bundle of the client.');
  }
  const { output } = bundle;
  return { output, size: gzipSync(output[0].code, { level: 9 }).length };
}
