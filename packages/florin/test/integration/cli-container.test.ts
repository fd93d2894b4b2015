import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { ensureBuilt } from '../support/florin-process.ts';

beforeAll(() => ensureBuilt(), 180_000);

/** There is no engine here that could build it: what can be said without one is said. */
describe('the container file', () => {
  it('copies only what is there, and what the build does not ignore', async () => {
    const { copies } = await read();
    const ignored = (await readFile('.dockerignore', 'utf8')).split('\n').filter(Boolean);
    expect(copies.length).toBeGreaterThan(5);
    for (const { from, source } of copies) {
      const path = from === undefined ? source : source.replace(/^\/app\//, '');
      expect(path.includes('*') ? matches(path) : existsSync(path), source).toBe(true);
      if (from === undefined) {
        expect(ignored, source).not.toContain(basename(source));
      }
    }
  });

  it('runs what the package runs, as nobody special, and asks a path that there is', async () => {
    const { text } = await read();
    const { bin } = JSON.parse(await readFile('packages/florin/package.json', 'utf8')) as {
      bin: { florin: string };
    };
    expect(text).toContain(`ENTRYPOINT ["node", "packages/florin/${bin.florin}"]`);
    expect(text).toMatch(/^USER node$/m);
    expect(text).toContain('/healthz');
    const secrets = /(SECRET|KEY|PASSWORD|DATABASE_URL)\s*=/i;
    expect(text).not.toMatch(secrets);
    const settings = parseConfig({
      DATABASE_URL: 'postgresql://localhost/florin',
      STRIPE_SECRET_KEY: 'sk_test_container',
      STRIPE_WEBHOOK_SECRET: 'whsec_3f9a1c7e5b2d8460',
      SUPABASE_URL: 'http://localhost',
      JWT_SECRET: 'plan-Sessions-0f9a3c71b2d84e6590ab',
      FLORIN_SECRET_KEY: 'server-Key-7c1e4f0f9a550d8a5f0e7c11',
      APP_URL: 'http://localhost',
    });
    expect(text).toMatch(new RegExp(`^EXPOSE ${settings.port}$`, 'm'));
  });
});

it('the container file builds and runs on one even release of Node that the package allows', async () => {
  const { text } = await read();
  const majors = [...text.matchAll(/^FROM node:(\d+)-slim/gm)].map(([, major]) => Number(major));
  expect(new Set(majors).size).toBe(1);
  expect(majors[0]).toBeGreaterThanOrEqual(24);
  expect((majors[0] ?? 1) % 2).toBe(0);
});

it("what is shipped holds the licences of the pages' scripts and fonts", async () => {
  const notices = await readFile('packages/florin/dist/web/third-party-notices.txt', 'utf8');
  for (const name of ['react', 'react-dom', 'scheduler']) {
    expect(notices).toMatch(new RegExp(`^## ${name} - .* \\(MIT\\)$`, 'm'));
  }
  const fonts = [...notices.matchAll(/^## @fontsource-variable\/.* \(OFL-1\.1\)$/gm)];
  expect(fonts).toHaveLength(2);
  expect(notices.match(/SIL OPEN FONT LICENSE/g)).toHaveLength(2);
  expect(notices).toContain('Permission is hereby granted, free of charge');
});

async function read() {
  const text = await readFile('Dockerfile', 'utf8');
  const copies = [...text.matchAll(/^COPY (.+)$/gm)].flatMap(([, words = '']) => {
    const from = /--from=(\S+)/.exec(words)?.[1];
    const sources = words
      .split(' ')
      .filter((word) => !word.startsWith('--'))
      .slice(0, -1);
    return sources.map((source) => ({ from, source }));
  });
  return { text, copies };
}

/** Whether the last part's star stands for any file. */
function matches(pattern: string): boolean {
  const start = basename(pattern).split('*')[0] ?? '';
  return readdirSync(dirname(pattern)).some((name) => name.startsWith(start));
}
