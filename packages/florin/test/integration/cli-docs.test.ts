import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFlorin } from '../../src/cli/program.ts';
import { createMetrics } from '../../src/http/observe.ts';
import { issueGrant } from '../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const GROUPS = new Set(['events', 'catalog', 'account', 'person']);
const ACCOUNT = '6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11';

async function documents(): Promise<{ name: string; text: string }[]> {
  const docs = (await readdir('docs')).filter((name) => name.endsWith('.md'));
  const names = ['README.md', ...docs.map((name) => join('docs', name))];
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(name, 'utf8') })));
}

/** Commands as they are written: lines of shell blocks, and inline code. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
    block.split('\n'),
  );
  const inline = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`]+)`/g)].map(
    ([, code = '']) => code,
  );
  return [...blocks, ...inline]
    .map(
      (line) =>
        /^(?:[A-Z_]+=\S+ )*(?:npx )?florin ([a-z].*)$/.exec(line.replace(/\s+#.*$/, ''))?.[1],
    )
    .filter((line) => line !== undefined);
}

async function helpOf(words: readonly string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const out = (part: string) => {
    text += part;
  };
  const code = await runFlorin([...words, '--help'], { out, err: out });
  return { code, text };
}

describe('what the documents tell to type', () => {
  it('is a command that exists, with options that it has', async () => {
    const wrong: string[] = [];
    let checked = 0;
    for (const { name, text } of await documents()) {
      for (const line of commandsOf(text)) {
        const [first = '', second = ''] = line.split(' ');
        const alternatives = GROUPS.has(first) && second !== '' ? second.split('|') : [''];
        for (const one of alternatives) {
          const words = one === '' ? [first] : [first, one];
          const help = await helpOf(words);
          const known = help.code === 0 && help.text.startsWith(`Usage: florin ${words.join(' ')}`);
          const options = (line.match(/(?<= )--[a-z-]+/g) ?? []).filter(
            (option) => option !== '--',
          );
          const strange = options.filter((option) => !help.text.includes(option));
          checked += 1;
          if (!known || strange.length > 0) {
            wrong.push(`${name}: florin ${line} ${strange.join(' ')}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(40);
  });

  describe('as SQL', () => {
    let fresh: FreshDatabase;
    beforeAll(async () => {
      fresh = await freshDatabase();
      await issueGrant(fresh.db, {
        accountId: ACCOUNT,
        amount: 37,
        idempotencyKey: 'plan:january',
        source: 'subscription',
      });
    });
    afterAll(() => fresh.close());

    it('runs as the role that the service has', async () => {
      const text = await readFile('docs/operations.md', 'utf8');
      const blocks = [...text.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = '']) => sql);
      expect(blocks.length).toBeGreaterThan(3);
      for (const statement of blocks.flatMap((block) => block.split(/;\s*(?:\n|$)/))) {
        if (statement.trim() !== '') {
          const rows = await fresh.db.query(statement);
          expect(Array.isArray(rows), statement).toBe(true);
        }
      }
    });
  });
});

it('the runbook names every metric of ours, and none that there is not', async () => {
  const text = await readFile('docs/operations.md', 'utf8');
  const named = new Set([...text.matchAll(/`(florin_[a-z_]+)`/g)].map(([, name]) => name));
  const { registry } = createMetrics({
    figures: () => ({ open: 0, waiting: 0, lent: 0, waitedSeconds: 0, refused: 0 }),
  });
  const ours = registry.getMetricsAsArray().map(({ name }) => name);
  expect([...named].toSorted()).toEqual(
    ours.filter((name) => name.startsWith('florin_')).toSorted(),
  );
});
