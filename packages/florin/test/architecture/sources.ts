import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** The repository, with the documents. */
export const REPOSITORY = join(ROOT, '..', '..');
/** The packages that import nothing of Florin. */
export const OTHERS = ['stripe-sandbox', 'florin-dev'].map((name) =>
  join(REPOSITORY, 'packages', name),
);

export type Import = {
  /** As written: `../db/index.ts`, `pg`, `node:fs`. */
  readonly specifier: string;
  /** The path from the root when it is a file of ours. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
};

export type Source = {
  /** Path from the root with forward slashes: `src/db/connect.ts`. */
  readonly path: string;
  /** The folder below src, or the file itself for those directly in it. */
  readonly module: string;
  readonly text: string;
  readonly imports: readonly Import[];
};

/** The files below `folder` whose names end as asked, as paths from the root. */
export function listFiles(folder: string, ending: RegExp, root = ROOT): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => toPosix(relative(root, join(entry.parentPath, entry.name))))
    .sort();
}

/** What ships: everything below src, or another folder, that is no test. */
export function readSources({ root = ROOT, folder = 'src' } = {}): Source[] {
  return listFiles(folder, /\.tsx?$/, root)
    .filter((path) => !/\.test\.tsx?$/.test(path))
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, module: moduleOf(path), text, imports: readImports(path, text) };
    });
}

export function moduleOf(path: string): string {
  return path.split('/')[1] ?? path;
}

/**
 * Files that import each other in a circle, as values or as types: `a.ts → b.ts → a.ts`. Nothing in a circle
 * can be read or moved alone.
 */
export function findCircles(
  sources: readonly Pick<Source, 'path' | 'imports'>[],
): readonly string[] {
  const known = new Map(sources.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const circles: string[] = [];
  const follow = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) {
      circles.push([...way.slice(at), path].join(' → '));
    } else if (!done.has(path)) {
      for (const { target } of known.get(path) ?? []) {
        if (target !== undefined) {
          follow(target, [...way, path]);
        }
      }
      done.add(path);
    }
  };
  for (const path of known.keys()) {
    follow(path, []);
  }
  return circles;
}

const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)(\.\w)?/g;

export function readImports(path: string, text: string): Import[] {
  const found: Import[] = [];
  for (const [statement, type, specifier] of text.matchAll(STATEMENT)) {
    if (specifier !== undefined) {
      found.push(describe(path, specifier, type !== undefined || allTypes(statement)));
    }
  }
  for (const [, specifier] of text.matchAll(DYNAMIC)) {
    if (specifier !== undefined) {
      found.push(describe(path, specifier, false));
    }
  }
  return found;
}

/** `import { type A, type B } from …` brings nothing at run time either. */
function allTypes(statement: string): boolean {
  const names = /\{([^}]*)\}/.exec(statement)?.[1];
  const before = statement.split('{')[0] ?? '';
  return (
    names !== undefined &&
    /^(import|export)\s+$/.test(before) &&
    names.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
  );
}

function describe(path: string, specifier: string, typeOnly: boolean): Import {
  const target = specifier.startsWith('.')
    ? toPosix(relative(ROOT, join(ROOT, dirname(path), specifier)))
    : undefined;
  return { specifier, target, typeOnly };
}

function toPosix(path: string): string {
  return path.split(sep).join('/');
}
