import { InvalidConfigurationError } from '../kernel/index.ts';

/** What a DATABASE_URL says, as the driver needs it. */
export type DatabaseAddress = {
  readonly connectionString: string;
  /** The pooler hands each transaction another session: no LISTEN, no named statements, no session settings. */
  readonly transactionPooler: boolean;
};

const TRANSACTION_POOLER_PORT = '6543';
const SUPABASE_HOST = /\.supabase\.(co|com|in|net)$/;

/**
 * Reads a Postgres address. A transaction-mode pooler is told by Supabase's port 6543 or by
 * `?pgbouncer=true`, as Prisma and Supabase write it. `sslmode` means what it means to psql
 * (`require` encrypts, `verify-full` also checks the name); Supabase's hosts are never spoken to
 * without TLS.
 */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw notAnAddress();
  }
  if (parsed.protocol !== 'postgres:' && parsed.protocol !== 'postgresql:') {
    throw notAnAddress();
  }
  const transactionPooler =
    parsed.port === TRANSACTION_POOLER_PORT || parsed.searchParams.get('pgbouncer') === 'true';
  parsed.searchParams.delete('pgbouncer');
  if (SUPABASE_HOST.test(parsed.hostname) && !parsed.searchParams.has('sslmode')) {
    parsed.searchParams.set('sslmode', 'require');
  }
  if (parsed.searchParams.has('sslmode')) {
    parsed.searchParams.set('uselibpqcompat', 'true');
  }
  return { connectionString: parsed.toString(), transactionPooler };
}

/** The same server and user, another database. */
export function withDatabase(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${encodeURIComponent(database)}`;
  return parsed.toString();
}

function notAnAddress(): InvalidConfigurationError {
  return new InvalidConfigurationError([
    'DATABASE_URL must look like postgresql://user:password@host:5432/database.',
  ]);
}
