import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from './sources.ts';

/** As `npm run lint` calls it, on a migration that is not in a file. */
function lint(migration: string): { status: number | null; rules: string[] } {
  const squawk = join(REPOSITORY, 'node_modules', '.bin', 'squawk');
  const options = ['--config', join(REPOSITORY, '.squawk.toml'), '--reporter', 'json'];
  const { status, stdout } = spawnSync(squawk, [...options, '--stdin-filepath', 'next.sql'], {
    input: `call florin.begin_migration();\n${migration}\ncall florin.end_migration();\n`,
    encoding: 'utf8',
  });
  const found = JSON.parse(stdout) as { rule_name: string }[];
  return { status, rules: found.map(({ rule_name }) => rule_name) };
}

describe('the rules for migrations', () => {
  it.each([
    ['alter table credits.grants add column weight bigint not null;', 'adding-required-field'],
    ['alter table credits.grants alter column source type varchar(20);', 'changing-column-type'],
    ['alter table credits.grants drop column source;', 'ban-drop-column'],
    [
      'alter table credits.grants add constraint amount_is_even check (amount % 2 = 0);',
      'constraint-missing-not-valid',
    ],
    ['create table notes (note_id uuid primary key);', 'require-table-schema'],
  ])('refuse %s', (migration, rule) => {
    expect(lint(migration).rules).toContain(rule);
    expect(lint(migration).status).not.toBe(0);
  });

  it('let a migration pass that keeps them', () => {
    const migration = `create table credits.notes (note_id uuid not null, constraint notes_pkey primary key (note_id));
      alter table credits.grants add column note text;`;
    expect(lint(migration)).toEqual({ status: 0, rules: [] });
  });
});
