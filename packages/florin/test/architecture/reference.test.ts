import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { SETTINGS } from '../../src/config.ts';
import { OPERATIONS, type Operation } from '../../src/contract/index.ts';
import { listFiles, REPOSITORY } from './sources.ts';

const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'];

function read(path: string): string {
  return readFileSync(join(REPOSITORY, path), 'utf8');
}

/** The first cells of the tables' rows that begin with such a name. */
function rowsOf(name: RegExp, cells: number): string[] {
  return read('docs/reference.md')
    .split('\n')
    .filter((line) => name.test(line))
    .map((line) => line.split(' | ').slice(0, cells).join(' | '));
}

function whoCalls({ path, tag, callers = [], role }: Operation): string {
  const who = callers.map((caller) =>
    caller === 'server' ? 'server' : tag === 'Operator' ? 'operator' : (role ?? 'user'),
  );
  const operators = path.includes('/{id}/members') || path.includes('/{id}/limits');
  return who.length === 0 ? 'anyone' : [...who, ...(operators ? ['operator'] : [])].join(', ');
}

/** The commands that do something, with the words that call them. */
function leavesOf(command: Command, before = ''): { words: string; description: string }[] {
  return command.commands.flatMap((one) => {
    const words = `${before} ${one.name()}`.trim();
    const [description = ''] = one.description().split(/(?<=\.) /);
    const inner = leavesOf(one, words);
    return inner.length === 0 ? [{ words, description }] : inner;
  });
}

describe('docs/reference.md', () => {
  let commands: ReturnType<typeof leavesOf>;
  // Every command is loaded, and with them most of the product.
  beforeAll(async () => {
    const terminal = { out: () => {}, err: () => {} };
    commands = leavesOf(await createProgram({ terminal, finishWith: () => {} }, ''));
  }, 180_000);

  it('lists every operation of the service, who may call it and what it does', () => {
    expect(rowsOf(/^\| `(GET|POST|PUT|DELETE) /, 3)).toEqual(
      OPERATIONS.map((operation) => {
        const call = `${operation.method.toUpperCase()} ${operation.path}`;
        return `| \`${call}\` | ${whoCalls(operation)} | ${operation.summary}`;
      }),
    );
  });

  it('lists every command with the first sentence of its help', () => {
    expect(rowsOf(/^\| `florin /, 2)).toEqual(
      commands.map(({ words, description }) => `| \`florin ${words}\` | ${description}`),
    );
  });

  it('lists every setting', () => {
    expect(rowsOf(/^\| `[A-Z_]+` \|/, 1)).toEqual(SETTINGS.map((name) => `| \`${name}\``));
  });

  it('is named by the index, and the README names every command', () => {
    expect(read('docs/README.md')).toContain('](reference.md');
    const readme = read('README.md');
    const missing = commands.filter(({ words }) => {
      const [group = '', one] = words.split(' ');
      return !new RegExp(`\`${group}${one === undefined ? '`' : ` [a-z|]*\\b${one}\\b`}`).test(
        readme,
      );
    });
    expect(missing).toEqual([]);
  });
});

describe('the index', () => {
  it('names every document', () => {
    const index = read('docs/README.md');
    const missing = listFiles('docs', /\.md$/, REPOSITORY)
      .filter((path) => /^docs\/[^/]+\.md$/.test(path) && path !== 'docs/README.md')
      .filter((path) => !index.includes(`](${path.slice('docs/'.length)}`));
    expect(missing).toEqual([]);
  });

  it('links, as every other page, to files and headings that exist', () => {
    const docs = listFiles('docs', /\.md$/, REPOSITORY).filter(
      (path) => !/node_modules/.test(path),
    );
    const broken = [...PAGES, ...docs].flatMap((path) =>
      [
        ...read(path)
          .replaceAll(/```[\s\S]*?```/g, '')
          .matchAll(/\]\(([^)\s]+)\)/g),
      ]
        .map(([, target = '']) => target)
        .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target))
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });
});

function leadsSomewhere(from: string, target: string): boolean {
  const [file = '', heading] = target.split('#');
  const path = file === '' ? from : join(dirname(from), file);
  return (
    existsSync(join(REPOSITORY, path)) &&
    (heading === undefined || headingsOf(read(path)).includes(heading))
  );
}

/** As GitHub makes anchors of them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
