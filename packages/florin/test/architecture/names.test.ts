import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles, OTHERS, REPOSITORY, ROOT } from './sources.ts';
import { readTitles } from './titles.ts';

const EMPTY_NAMES = /(^|\/)(utils?|helpers?|common|lib|services?|types|misc|shared)(\/|\.tsx?$)/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.(e2e|test|config|d))*\.tsx?$/;
const COMPONENT = /^[A-Z][A-Za-z0-9]*(\.test)?\.tsx$/;

describe('names', () => {
  const folders = ['src', 'web', 'test'].filter((folder) => existsSync(join(ROOT, folder)));
  const files = [
    ...folders.flatMap((folder) => listFiles(folder, /\.tsx?$/)),
    ...OTHERS.flatMap((root) =>
      ['src', 'test'].flatMap((folder) => listFiles(folder, /\.tsx?$/, root)),
    ),
  ];

  it('say what is inside: no folder or file is called utils, helpers, common, lib, services or types', () => {
    expect(files.filter((path) => EMPTY_NAMES.test(path))).toEqual([]);
  });

  it('are kebab-case, and PascalCase for a React component', () => {
    const odd = files.filter(
      (path) => !KEBAB.test(basename(path)) && !COMPONENT.test(basename(path)),
    );
    expect(odd).toEqual([]);
  });

  it('of migrations are a timestamp and a domain', () => {
    const migrations = listFiles('supabase/migrations', /\.sql$/).map((path) => basename(path));
    expect(migrations.filter((name) => !/^[0-9]{14}_[a-z0-9_]+\.sql$/.test(name))).toEqual([]);
    expect(new Set(migrations.map((name) => name.slice(0, 14))).size).toBe(migrations.length);
  });

  it('of files and functions that ARCHITECTURE.md walks through are names of what is there', () => {
    const walk = readFileSync(join(REPOSITORY, 'ARCHITECTURE.md'), 'utf8').split('## Folders')[0];
    const named = [...(walk ?? '').matchAll(/`(…?[\w/.-]+)`/g)].map(([, name = '']) => name);
    const schema = readFileSync(join(ROOT, 'supabase/schema.sql'), 'utf8');
    const migrations = listFiles('supabase/migrations', /\.sql$/);
    const gone = named.filter((name) => {
      if (name.startsWith('…')) {
        return !migrations.some((path) => path.endsWith(name.slice(1)));
      }
      if (/\.tsx?$/.test(name)) {
        return !files.some((path) => path === `src/${name}` || path.endsWith(`/${name}`));
      }
      return /^(credits|billing)\./.test(name) && !schema.includes(name);
    });
    expect(named.length).toBeGreaterThan(25);
    expect(gone).toEqual([]);
  });

  it.runIf(existsSync(join(REPOSITORY, 'README.md')))(
    'of tests in the table of guarantees are names of tests that exist',
    () => {
      const guarantees = readGuarantees(readFileSync(join(REPOSITORY, 'README.md'), 'utf8'));
      expect(guarantees.length).toBeGreaterThan(5);
      const titles = readTitles();
      const unproven = guarantees.filter(
        ({ tests }) => tests.length === 0 || !tests.every((test) => titles.has(test)),
      );
      expect(unproven).toEqual([]);
    },
  );
});

type Guarantee = { readonly promise: string; readonly tests: readonly string[] };

/** The rows of the table below "## Guarantees": a promise, and in the last column `test names` in backticks. */
function readGuarantees(readme: string): Guarantee[] {
  const section = /^## Guarantees[^\n]*\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readme)?.[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => {
    const cells = row.split('|').slice(1, -1);
    const tests = [...(cells.at(-1) ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
    return { promise: (cells[0] ?? '').trim(), tests };
  });
}
