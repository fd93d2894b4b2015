import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCommandLine, USAGE } from '../src/command-line.ts';
import { createSandbox } from '../src/index.ts';
import { sandboxUnderTest } from './sandbox-under-test.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

async function containerFile() {
  const text = await readFile(join(ROOT, 'packages/stripe-sandbox/Dockerfile'), 'utf8');
  const [, entry = '[]'] = /^ENTRYPOINT (\[.*\])$/m.exec(text) ?? [];
  const [node, program, ...options] = JSON.parse(entry) as string[];
  const sources = [...text.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, words = '']) =>
    words.split(' ').slice(0, -1),
  );
  return { text, entry: { node, program, options }, sources };
}

/** There is not always an engine that could build it: what can be said without one is said. */
describe("the sandbox's container file", () => {
  it('copies only what is there, and what the build does not ignore', async () => {
    const { sources } = await containerFile();
    const ignored = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n');
    expect(sources).toContain('LICENSE');
    expect(sources).toContain('packages/stripe-sandbox/src');
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(ignored, source).not.toContain(basename(source));
    }
  });

  it('names every workspace, without which npm refuses the lock file', async () => {
    const { sources } = await containerFile();
    const { workspaces } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    for (const folder of workspaces as string[]) {
      expect(sources).toContain(`${folder}/package.json`);
    }
  });

  it('runs the command of the package, as nobody special, with data on its volume', async () => {
    const { text, entry } = await containerFile();
    const { bin } = JSON.parse(
      await readFile(join(ROOT, 'packages/stripe-sandbox/package.json'), 'utf8'),
    );
    expect(entry).toMatchObject({ node: 'node', program: bin['stripe-sandbox'] });
    expect(text).toMatch(/^USER node$/m);
    const options = readCommandLine(entry.options);
    expect(options).toMatchObject({
      host: '0.0.0.0',
      storage: expect.stringMatching(/^\/data\//),
      publicUrl: 'http://127.0.0.1:4243',
    });
    expect(text).toMatch(/^VOLUME \/data$/m);
    expect(text.indexOf('chown node:node /data')).toBeLessThan(text.indexOf('VOLUME /data'));
    const [, port] = /^EXPOSE (\d+)$/m.exec(text) ?? [];
    expect(createSandbox().port).toBe(Number(port));
    expect(readCommandLine([...entry.options, '--data', '/elsewhere'])).toMatchObject({
      storage: '/elsewhere',
    });
    expect(USAGE).toContain('--public-url');
  });

  it('asks for health where there is an answer', async () => {
    const { text } = await containerFile();
    const [, path = ''] = /fetch\('http:\/\/127\.0\.0\.1:4243(\S+?)'\)/.exec(text) ?? [];
    const { sandbox } = await sandboxUnderTest();
    const answer = await fetch(`${sandbox.url}${path}`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'ok' }]);
  });

  it('builds and runs on one even release of Node that the package allows', async () => {
    const { text } = await containerFile();
    const majors = [...text.matchAll(/^FROM node:(\d+)-slim/gm)].map(([, major]) => Number(major));
    expect(majors).toHaveLength(2);
    expect(new Set(majors).size).toBe(1);
    expect(majors[0]).toBeGreaterThanOrEqual(24);
    expect((majors[0] ?? 1) % 2).toBe(0);
  });
});
