import { describe, expect, it } from 'vitest';
import { splitStatements } from './statements.ts';

describe('splitting a file into statements', () => {
  it.each([
    ['', []],
    [' ; ;; -- nothing;\n /* ; */ ', []],
    ['select 1; select 2', ['select 1', 'select 2']],
    [
      "select ';', \"a;b\", E'\\';', 'it''s;'; select 2;",
      ["select ';', \"a;b\", E'\\';', 'it''s;'", 'select 2'],
    ],
    [
      'do $$ begin; end $$; select $a$ ; $$ ; $a$;',
      ['do $$ begin; end $$', 'select $a$ ; $$ ; $a$'],
    ],
    ['select 1 /* a; /* b; */ c; */; select 2', ['select 1 /* a; /* b; */ c; */', 'select 2']],
    [
      'create rule r as on insert to t do also (select 1; select 2); x',
      ['create rule r as on insert to t do also (select 1; select 2)', 'x'],
    ],
    [
      'create function f() returns int begin atomic select 1; select case when true then 2 end; end; select 3',
      [
        'create function f() returns int begin atomic select 1; select case when true then 2 end; end',
        'select 3',
      ],
    ],
    ['begin; update t set n = 1; end;', ['begin', 'update t set n = 1', 'end']],
    ['-- why\nselect 1; -- after\nselect 2', ['-- why\nselect 1', '-- after\nselect 2']],
    ['select $1, a$b$c; select 2', ['select $1, a$b$c', 'select 2']],
    ["select 'never closed; select 2", ["select 'never closed; select 2"]],
  ])('%j', (sql, statements) => {
    expect(splitStatements(sql)).toEqual(statements);
  });
});
