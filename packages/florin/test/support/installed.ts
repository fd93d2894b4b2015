import { existsSync } from 'node:fs';

/** Where Debian keeps initdb, postgres, pg_dump and pg_restore of the oldest supported version. */
export const POSTGRES_15 = '/usr/lib/postgresql/15/bin';

type Extra = {
  /** The tests that use it, as the line at the end of a run names them. */
  readonly tests: string;
  readonly files: readonly string[];
  /** The Debian packages that bring the files. */
  readonly packages: readonly string[];
};

const EXTENSIONS = '/usr/share/postgresql/15/extension';
const POSTGRES: Extra = {
  tests: 'Postgres 15 and schema.sql',
  files: [`${POSTGRES_15}/initdb`, `${POSTGRES_15}/pg_dump`],
  packages: ['postgresql-15'],
};

/** What some tests use beside npm's packages. Where it is missing they are left out. */
const EXTRAS = {
  postgres15: POSTGRES,
  pgTap: {
    tests: 'supabase/tests',
    files: [...POSTGRES.files, `${EXTENSIONS}/pgtap.control`, '/usr/bin/pg_prove'],
    packages: ['postgresql-15-pgtap', 'libtap-parser-sourcehandler-pgtap-perl'],
  },
  plpgsqlCheck: {
    tests: 'what Supabase lints',
    files: [...POSTGRES.files, `${EXTENSIONS}/plpgsql_check.control`],
    packages: ['postgresql-15-plpgsql-check'],
  },
  pgBouncer: {
    tests: 'a pooler in transaction mode',
    files: ['/usr/sbin/pgbouncer'],
    packages: ['pgbouncer'],
  },
  chromium: {
    tests: 'the pages',
    files: [process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'],
    packages: ['chromium'],
  },
} as const satisfies Record<string, Extra>;

export function isInstalled(name: keyof typeof EXTRAS, isThere = existsSync): boolean {
  return EXTRAS[name].files.every((file) => isThere(file));
}

/** One line about the tests that this machine leaves out and what brings them; nothing when it has all. */
export function leftOut(isThere = existsSync): string | undefined {
  const missing = Object.values<Extra>(EXTRAS).filter(
    ({ files }) => !files.every((file) => isThere(file)),
  );
  if (missing.length === 0) {
    return undefined;
  }
  const packages = missing.flatMap((extra) => extra.packages);
  return `Left out: the tests of ${missing.map(({ tests }) => tests).join(', ')}. They need: apt-get install ${packages.join(' ')}`;
}
