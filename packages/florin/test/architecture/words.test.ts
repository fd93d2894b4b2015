import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from './sources.ts';

type Word = {
  readonly pattern: RegExp;
  readonly instead: string;
  readonly where: RegExp | undefined;
};

const LIST = 'packages/florin/test/architecture/words.txt';
const READ = /\.(ts|tsx|mjs|sql|md|html)$/;
const UNREAD = /(^|\/)(node_modules|dist|api|coverage|\.[a-z]+)\//;
/** May name what is not used: the list's own test, the glossary, and the packages beside the product. */
const FREE = /architecture\/words|^docs\/glossary\.md$|packages\/(?!florin\/)/;

function readWords(text: string): Word[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [pattern = '', instead = '', where] = line.split(/\s+\| /).map((cell) => cell.trim());
      return {
        pattern: new RegExp(pattern),
        instead,
        where: where === undefined ? undefined : new RegExp(where),
      };
    });
}

/** Every line that holds a word of the list, with what to say instead. */
function findWords(words: readonly Word[], path: string, text: string): string[] {
  const here = words.filter(({ where }) => where === undefined || where.test(path));
  return text.split('\n').flatMap((line, index) =>
    here
      .filter(({ pattern }) => pattern.test(line))
      .map(({ pattern, instead }) => {
        const found = pattern.exec(line)?.[0].trim();
        return `${path}:${index + 1}: "${found}": say ${instead}`;
      }),
  );
}

const words = readWords(readFileSync(join(REPOSITORY, LIST), 'utf8'));

describe('words', () => {
  it('that mislead or are no English are used nowhere: words.txt says what to say', () => {
    const paths = readdirSync(REPOSITORY, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && READ.test(entry.name))
      .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)))
      .filter((path) => !UNREAD.test(path) && !FREE.test(path));
    expect(paths.length).toBeGreaterThan(400);
    const found = paths.flatMap((path) =>
      findWords(words, path, readFileSync(join(REPOSITORY, path), 'utf8')),
    );
    expect(found).toEqual([]);
  });

  it.each([
    ['docs/a.md', 'It can not be spent.', 'cannot'],
    ['packages/florin/src/http/a.ts', 'const MOST_STREAMS = 4;', 'MAX_'],
    ['packages/florin/src/http/a.ts', 'settlePayment(db);', 'only the ledger settles'],
    ['packages/florin/src/http/a.ts', ' * Raises `conflict`.', 'Throws'],
    ['packages/florin/supabase/migrations/1_ledger_holds.sql', 'charge_seal bytea', 'allocation'],
  ])('are found: %s, %j', (path, line, instead) => {
    const [found, ...more] = findWords(words, path, `first\n${line}`);
    expect(found).toContain(`${path}:2: `);
    expect(found).toContain(instead);
    expect(more).toEqual([]);
  });

  it.each([
    ['packages/florin/src/ledger/a.ts', 'settleAccount(db);'],
    ['packages/florin/src/stripe/a.ts', 'const charge = await charges(id);'],
    ['docs/a.md', 'It can not only be spent but held.'],
  ])('are left alone where they are right: %s, %j', (path, line) => {
    expect(findWords(words, path, line)).toEqual([]);
  });
});
