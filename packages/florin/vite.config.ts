import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const web = resolve(import.meta.dirname, 'web');
const NOTICES = 'third-party-notices.txt';

/** Three pages with hashed assets for the service to serve; `npx vite` proxies the API to it. */
export default defineConfig({
  root: web,
  plugins: [react(), assetNotices()],
  build: {
    outDir: resolve(import.meta.dirname, 'dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    // A data: address would need a hole in the content security policy.
    assetsInlineLimit: 0,
    license: { fileName: NOTICES },
    rolldownOptions: {
      input: ['index.html', 'pricing.html', 'admin.html'].map((page) => resolve(web, page)),
    },
  },
  server: { proxy: { '/api': `http://127.0.0.1:${process.env['PORT'] ?? '4242'}` } },
});

/** Vite's notices name the packages of scripts alone: adds those that assets are copied from, the fonts'. */
function assetNotices(): Plugin {
  return {
    name: 'florin:asset-notices',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const notices = bundle[NOTICES];
        if (notices?.type !== 'asset') {
          throw new Error(`Vite has not written ${NOTICES}.`);
        }
        const folders = Object.values(bundle)
          .flatMap((file) => (file.type === 'asset' ? file.originalFileNames : []))
          .map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(resolve(web, path))?.[0])
          .filter((folder) => folder !== undefined);
        notices.source += [...new Set(folders)].sort().map(noticeOf).join('');
      },
    },
  };
}

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) {
    throw new Error(`${name} has no licence text to hand on.`);
  }
  const text = readFileSync(join(folder, file), 'utf8').trim();
  return `\n## ${name} - ${version} (${license})\n\n${text}\n`;
}
