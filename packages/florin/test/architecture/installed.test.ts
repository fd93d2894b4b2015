import { describe, expect, it } from 'vitest';
import { isInstalled, leftOut } from '../support/installed.ts';

const isCi = Boolean(process.env['CI']);

describe('what tests use beside the packages of npm', () => {
  it.runIf(isCi)('is all there in CI: nothing is left out', () => {
    expect(leftOut()).toBeUndefined();
  });

  it('is named in one line with what brings it, where it is missing', () => {
    const without = (...missing: string[]) =>
      leftOut((path) => !missing.some((name) => String(path).includes(name)));
    expect(without()).toBeUndefined();
    expect(without('pgtap', 'plpgsql_check')).toBe(
      'Left out: the tests of supabase/tests, what Supabase lints. They need: apt-get install postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl postgresql-15-plpgsql-check',
    );
    expect(without('postgresql/15/bin')).toMatch(/postgresql-15 .*pgtap.*plpgsql-check$/);
  });

  it('an extension counts as missing where its Postgres is', () => {
    expect(isInstalled('pgTap', (path) => !String(path).includes('initdb'))).toBe(false);
  });
});
