import { expect, it } from 'vitest';
import { bundleClient } from '../support/client-bundle.ts';

it('florin/client has no dependency and is smaller than 4.5 kB, minified and gzipped', async () => {
  const { output, size } = await bundleClient();
  const [chunk, ...others] = output;
  expect(others).toEqual([]);
  expect(chunk.imports).toEqual([]);
  expect(Object.keys(chunk.modules).filter((name) => name.includes('node_modules'))).toEqual([]);
  expect(size).toBeGreaterThan(2_000);
  expect(size).toBeLessThan(4_500);
});
