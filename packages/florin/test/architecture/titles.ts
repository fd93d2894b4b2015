import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles, OTHERS, ROOT } from './sources.ts';

const TITLE = /\b(?:it|test|describe)(?:\.\w+(?:\([^)]*\))?)*\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g;
const PGTAP_TITLE = /'((?:[^']|'')*)'\s*\)\s*;/g;

/** The name of every test and group of tests, in TypeScript and in pgTAP. */
export function readTitles(): Set<string> {
  const titles = new Set<string>();
  const files = [ROOT, ...OTHERS].flatMap((root) =>
    ['src', 'test']
      .flatMap((folder) => listFiles(folder, /\.test\.tsx?$/, root))
      .map((path) => join(root, path)),
  );
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    for (const [, , title] of text.matchAll(TITLE)) {
      titles.add((title ?? '').replace(/\\(['"`])/g, '$1'));
    }
  }
  if (existsSync(join(ROOT, 'supabase', 'tests'))) {
    for (const path of listFiles('supabase/tests', /\.sql$/)) {
      for (const [, title] of readFileSync(join(ROOT, path), 'utf8').matchAll(PGTAP_TITLE)) {
        titles.add((title ?? '').replaceAll("''", "'"));
      }
    }
  }
  return titles;
}
