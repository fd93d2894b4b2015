import { readdir, readFile, writeFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { installVirtualClock, type VirtualClock } from '../../property/virtual-clock.ts';
import { freshDatabase } from '../../support/postgres.ts';

const FOLDER = 'examples/sql';
const DOCUMENT = 'docs/ledger.md';
/** `npm run examples` writes what these tests otherwise compare. */
const WRITES = process.env['FLORIN_EXAMPLES'] === 'write';
const RIGHT_ALIGNED = new Set([20, 21, 23, 1700]);
const AS_TEXT = { getTypeParser: () => (value: string) => value };

describe('the worked example of docs/ledger.md', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let client: pg.Client;
  let clock: VirtualClock;
  beforeAll(async () => {
    database = await freshDatabase();
    clock = await installVirtualClock(database.db);
    client = new pg.Client({ connectionString: database.url, types: AS_TEXT });
    await client.connect();
    await client.query("set timezone = 'UTC'");
  });
  afterAll(async () => {
    await client.end();
    await database.close();
  });

  /** On a cluster what a function is called with is looked up first: docs/scale.md. */
  async function lookedUp(statement: string): Promise<string> {
    const places = inject('citus') ? /\(select \w+ from credits\.[^()]*\)/g : /(?!)/g;
    const found = new Map<string, string>();
    for (const [place] of statement.matchAll(places)) {
      const { rows } = await client.query<{ value: string }>(`select ${place} as value`);
      found.set(place, pg.escapeLiteral(rows[0]?.value ?? ''));
    }
    return statement.replace(places, (place) => found.get(place) ?? place);
  }

  /** What psql would print for the statements of a file, one after the other. */
  async function run(sql: string): Promise<string> {
    const answers: string[] = [];
    for (const statement of sql.split(/;\s*$/m).filter((text) => text.trim() !== '')) {
      const at = /^-- at (\d{4}-\d\d-\d\d) (\d\d:\d\d)$/m.exec(statement);
      if (at !== null) {
        await clock.set(new Date(`${at[1]}T${at[2]}:00Z`));
      }
      answers.push(await client.query(await lookedUp(statement)).then(table, refusal));
    }
    return answers.join('\n\n');
  }

  it('answers every file of examples/sql as it is committed, and as the document shows it', async () => {
    const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
    expect(names.length).toBeGreaterThan(9);
    let document = await readFile(DOCUMENT, 'utf8');
    for (const name of names) {
      const path = `${FOLDER}/${name}`;
      const sql = await readFile(path, 'utf8');
      const output = await run(sql);
      const committed = path.replace(/sql$/, 'out');
      if (WRITES) {
        await writeFile(committed, `${output}\n`);
      } else {
        expect(`${output}\n`, committed).toBe(await readFile(committed, 'utf8'));
      }
      const place = new RegExp(`(<!-- ${path} -->\n)[^]*?(<!-- end -->)`);
      expect(document, `${DOCUMENT} shows ${path}`).toMatch(place);
      const block = `\`\`\`sql\n${sql.trim()}\n\`\`\`\n\`\`\`\n${output}\n\`\`\`\n`;
      document = document.replace(place, (_all, start, end) => `${start}${block}${end}`);
    }
    if (WRITES) {
      await writeFile(DOCUMENT, document);
    }
    expect(await readFile(DOCUMENT, 'utf8')).toBe(document);
    const shown = [...document.matchAll(/<!-- examples\/sql\/(\S+) -->/g)].map(([, name]) => name);
    expect(shown).toEqual(names);
  });
});

function table({ fields, rows }: pg.QueryResult): string {
  const cells = rows.map((row) => fields.map(({ name }) => tidy(row[name])));
  const widths = fields.map(({ name }, n) =>
    Math.max(name.length, ...cells.map((row) => row[n]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    ` ${row.map((cell, n) => pad(cell, widths[n] ?? 0, fields[n]?.dataTypeID)).join(' | ')}`.trimEnd();
  return [
    line(fields.map(({ name }) => name)),
    widths.map((width) => '-'.repeat(width + 2)).join('+'),
    ...cells.map(line),
    rows.length === 1 ? '(1 row)' : `(${rows.length} rows)`,
  ].join('\n');
}

function pad(cell: string, width: number, type: number | undefined): string {
  return RIGHT_ALIGNED.has(type ?? 0) ? cell.padStart(width) : cell.padEnd(width);
}

/** Instants to the minute; nothing for null. */
function tidy(value: string | null): string {
  return (value ?? '').replace(/^(\d{4}-\d\d-\d\d \d\d:\d\d):00\+00$/, '$1');
}

/** As psql says it with `\set VERBOSITY verbose`; ids are other ones every time. */
function refusal(error: pg.DatabaseError): string {
  const said = [
    `ERROR:  ${error.code}: ${error.message}`,
    ...(error.detail === undefined ? [] : [`DETAIL:  ${error.detail}`]),
    ...(error.hint === undefined ? [] : [`HINT:  ${error.hint}`]),
  ];
  return said.join('\n').replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…');
}
