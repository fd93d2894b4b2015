import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const dist = resolve(import.meta.dirname, 'dist');
const ENTRIES = [
  'index.ts',
  'ai/index.ts',
  'browser/index.ts',
  'cli/main.ts',
  'react/index.ts',
  'testing.ts',
];

/**
 * The package's code, a few files instead of 250: most of a start went to opening them (docs/decisions/0172).
 * Dependencies stay imports, and nothing is minified: a stack names our functions. `tsc` writes the types.
 */
export default defineConfig({
  plugins: [withoutEarlier()],
  ssr: { external: true },
  build: {
    ssr: true,
    outDir: dist,
    emptyOutDir: false,
    copyPublicDir: false,
    target: 'node20.19',
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      input: Object.fromEntries(
        ENTRIES.map((entry) => [
          entry.replace(/\.ts$/, ''),
          resolve(import.meta.dirname, 'src', entry),
        ]),
      ),
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: 'parts/[name].js',
        codeSplitting: {
          // Programs alone read a catalogue's file: an app's bundler meets no compiler.
          groups: [{ name: 'catalog-file', test: /catalog[\\/](load|compile)\.ts$/ }],
          includeDependenciesRecursively: false,
        },
      },
    },
  },
});

/** Takes away the code that an earlier build left; types and pages are others'. */
function withoutEarlier(): Plugin {
  return {
    name: 'florin:without-earlier',
    buildStart() {
      for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
        if (/\.js(\.map)?$/.test(file) && !/^web[\\/]/.test(file)) {
          rmSync(join(dist, file));
        }
      }
    },
  };
}
