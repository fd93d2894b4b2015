import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  findCircles,
  moduleOf,
  OTHERS,
  REPOSITORY,
  readImports,
  readSources,
  type Source,
} from './sources.ts';

/** Who may import whom, as ARCHITECTURE.md says. `types` lists what may be used as types only. */
type Rule = { readonly may: readonly string[] | 'any'; readonly types: readonly string[] };

const RULES = readRules(readFileSync(join(REPOSITORY, 'ARCHITECTURE.md'), 'utf8'));

/** Packages with one home. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  pg: ['db'],
  ai: ['ai'],
  'florin-dev': ['cli'],
  stripe: ['stripe'],
  'stripe-sandbox': ['cli', 'testing.ts'],
  hono: ['http'],
  '@hono/node-server': ['server.ts', 'http'],
  '@hono/zod-openapi': ['http'],
  'prom-client': ['http', 'jobs', 'main.ts'],
  commander: ['cli'],
  pino: ['cli'],
  jiti: ['catalog'],
  react: ['react'],
};

const sources = readSources();

function complaints(check: (source: Source) => (string | undefined)[]): string[] {
  return sources.flatMap((source) =>
    check(source).flatMap((complaint) =>
      complaint === undefined ? [] : [`${source.path}: ${complaint}`],
    ),
  );
}

describe('who imports whom', () => {
  it('knows a rule for every module', () => {
    const unruled = [...new Set(sources.map((source) => source.module))].filter(
      (module) => RULES[module] === undefined,
    );
    expect(unruled).toEqual([]);
  });

  it('has no rule for a module that is gone', () => {
    const modules = new Set(sources.map((source) => source.module));
    const named = Object.values(RULES).flatMap(({ may, types }) =>
      may === 'any' ? [] : [...may, ...types],
    );
    const gone = [...Object.keys(RULES), ...named].filter((module) => !modules.has(module));
    expect(gone).toEqual([]);
  });

  it('is as the table allows', () => {
    const found = complaints((source) =>
      source.imports.map(({ specifier, target, typeOnly }) => {
        const to = target?.startsWith('src/') ? moduleOf(target) : undefined;
        const rule = RULES[source.module];
        if (to === undefined || to === source.module || rule === undefined || rule.may === 'any') {
          return undefined;
        }
        const allowed = rule.may.includes(to) || (typeOnly && rule.types.includes(to));
        return allowed ? undefined : `imports ${specifier}`;
      }),
    );
    expect(found).toEqual([]);
  });

  it('needs all that the table allows', () => {
    const used = new Set(
      sources.flatMap(({ module, imports }) =>
        imports.map(({ target }) => `${module} ${target ? moduleOf(target) : ''}`),
      ),
    );
    const unused = Object.entries(RULES).flatMap(([module, { may, types }]) =>
      [...(may === 'any' ? [] : may), ...types]
        .filter((to) => !used.has(`${module} ${to}`))
        .map((to) => `${module} imports nothing of ${to}`),
    );
    expect(unused).toEqual([]);
  });

  it('crosses from one module into another only through index.ts', () => {
    const found = complaints((source) =>
      source.imports.map(({ specifier, target }) => {
        const [top, module, file, ...deeper] = target?.split('/') ?? [];
        if (top !== 'src' || module === source.module || file === undefined) {
          return undefined;
        }
        return file === 'index.ts' && deeper.length === 0 ? undefined : `imports ${specifier}`;
      }),
    );
    expect(found).toEqual([]);
  });

  it('never comes back to where it began, nor in types', () => {
    expect(findCircles(sources)).toEqual([]);
  });

  it('never reaches out of src', () => {
    const found = complaints((source) =>
      source.imports.map(({ specifier, target }) =>
        target === undefined || target.startsWith('src/') ? undefined : `imports ${specifier}`,
      ),
    );
    expect(found).toEqual([]);
  });

  it('leaves each of these packages in its one home', () => {
    const found = complaints((source) =>
      source.imports.map(({ specifier }) => {
        const homes = HOMES[packageOf(specifier)];
        return homes === undefined || homes.includes(source.module)
          ? undefined
          : `imports ${specifier}`;
      }),
    );
    expect(found).toEqual([]);
  });

  it('brings nothing of Node and no package into the browser but React', () => {
    const found = complaints((source) =>
      source.imports.map(({ specifier, target }) => {
        const inBrowser = source.module === 'browser' || source.module === 'react';
        if (!inBrowser || target !== undefined) {
          return undefined;
        }
        const allowed = source.module === 'react' && packageOf(specifier) === 'react';
        return allowed ? undefined : `imports ${specifier}`;
      }),
    );
    expect(found).toEqual([]);
  });

  it('has no SQL in jobs, http and cli', () => {
    const SQL =
      /(?<!\breq)\.query\s*[(<]|\.transaction\s*[(<]|['"`]\s*(select|insert into|update|delete from|with)\s[^'"`]*\s(from|set|values|as)\s/i;
    const found = complaints((source) =>
      ['jobs', 'http', 'cli'].includes(source.module)
        ? source.text.split('\n').map((line) => (SQL.test(line) ? line.trim() : undefined))
        : [],
    );
    expect(found).toEqual([]);
  });

  it('gives fulfillment no clock, no chance and no network', () => {
    const IMPURE = /Date\.now\(|new Date\(\)|Math\.random|randomUUID|\bfetch\(|process\.|await\b/;
    const found = complaints((source) =>
      source.module === 'fulfillment'
        ? source.text
            .split('\n')
            .filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line))
            .map((line) => (IMPURE.test(line) ? line.trim() : undefined))
        : [],
    );
    expect(found).toEqual([]);
  });

  it('reads the environment only where a process starts', () => {
    const MAY = /^src\/(config\.ts|main\.ts|cli\/)/;
    const found = complaints((source) =>
      source.text.includes('process.env') && !MAY.test(source.path) ? ['reads process.env'] : [],
    );
    expect(found).toEqual([]);
  });
});

describe.each(OTHERS.map((root) => [basename(root), root] as const))('%s', (_name, root) => {
  it('imports itself, Node and its declared dependencies alone, nothing of Florin', () => {
    const { dependencies, peerDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    ) as Record<'dependencies' | 'peerDependencies', Readonly<Record<string, string>>>;
    const declared = Object.keys({ ...dependencies, ...peerDependencies });
    const found = readSources({ root }).flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier, target }) =>
          target === undefined
            ? !specifier.startsWith('node:') && !declared.includes(packageOf(specifier))
            : !target.startsWith('src/'),
        )
        .map(({ specifier }) => `${path}: imports ${specifier}`),
    );
    expect(found).toEqual([]);
  });

  it('imports nothing that comes back to where it began', () => {
    expect(findCircles(readSources({ root }))).toEqual([]);
  });
});

describe('the pages', () => {
  it('import nothing that comes back to where it began', () => {
    expect(findCircles([...sources, ...readSources({ folder: 'web' })])).toEqual([]);
  });
});

describe('the finder of circles', () => {
  const of = (...arrows: [from: string, to: string][]) =>
    findCircles(
      [...new Set(arrows.flat())].map((path) => ({
        path,
        imports: arrows
          .filter(([from]) => from === path)
          .map(([, target]) => ({ specifier: target, target, typeOnly: false })),
      })),
    );

  it('names the files of each circle, also of one behind a way that leads to none', () => {
    expect(of(['a', 'b'], ['a', 'c'], ['c', 'd'], ['d', 'e'], ['e', 'c'])).toEqual([
      'c → d → e → c',
    ]);
  });

  it('finds none where two ways lead to one file', () => {
    expect(of(['a', 'b'], ['a', 'c'], ['b', 'd'], ['c', 'd'])).toEqual([]);
  });
});

describe('the reader of imports', () => {
  it('finds every form, and tells types from values', () => {
    const text = `import { a } from './a.ts';
import type { B } from '../b/index.ts';
import { type C, type D } from 'c';
import { type E, f } from '../e/index.ts';
import './side.ts';
export { g } from '../g/index.ts';
export type { H } from 'h';
import {
  many,
  lines,
} from '../many/index.ts';
const late = await import('../late/index.ts');
`;
    expect(
      readImports('src/x/y.ts', text).map(
        (one) => `${one.target ?? one.specifier}${one.typeOnly ? ' type' : ''}`,
      ),
    ).toEqual([
      'src/x/a.ts',
      'src/b/index.ts type',
      'c type',
      'src/e/index.ts',
      'src/x/side.ts',
      'src/g/index.ts',
      'h type',
      'src/many/index.ts',
      'src/late/index.ts',
    ]);
  });
});

function packageOf(specifier: string): string {
  const [scope = '', name] = specifier.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}

/** The rows of the table below "## Folders": a module, what it holds, and what it may import. */
function readRules(document: string): Readonly<Record<string, Rule>> {
  const section = /^## Folders\n([\s\S]*?)^## /m.exec(document)?.[1] ?? '';
  const rows = [...section.matchAll(/^\| `([^`]+)` \|.*\| ([^|]+) \|$/gm)];
  return Object.fromEntries(
    rows.map(([, module = '', allowed = '']) => [module, toRule(allowed)] as const),
  );
}

function toRule(allowed: string): Rule {
  if (allowed === 'any') {
    return { may: 'any', types: [] };
  }
  const names = allowed === 'nothing' ? [] : allowed.split(', ');
  const types = names.filter((name) => name.startsWith('types of '));
  return {
    may: names.filter((name) => !types.includes(name)),
    types: types.map((name) => name.slice('types of '.length)),
  };
}
