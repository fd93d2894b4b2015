import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { expect, it } from 'vitest';

it('florin/client has no dependency and is smaller than 6 kB, minified and gzipped', async () => {
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
  const [chunk, ...others] = bundle?.output ?? [];
  expect(others).toEqual([]);
  expect(chunk?.imports).toEqual([]);
  expect(Object.keys(chunk?.modules ?? {}).filter((name) => name.includes('node_modules'))).toEqual(
    [],
  );
  const size = gzipSync(chunk?.code ?? '', { level: 9 }).length;
  expect(size).toBeGreaterThan(2_000);
  expect(size).toBeLessThan(6_000);
});
