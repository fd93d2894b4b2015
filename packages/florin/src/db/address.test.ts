import { describe, expect, it } from 'vitest';
import { parseDatabaseUrl, withDatabase } from './address.ts';

describe('a database address', () => {
  it.each([
    ['postgresql://u:p@db.abc.supabase.co:6543/postgres', true],
    ['postgresql://u:p@localhost:5432/postgres?pgbouncer=true', true],
    ['postgresql://u:p@localhost:5432/postgres?pgbouncer=false', false],
    ['postgres://u:p@localhost/app', false],
  ])('%s: behind a transaction pooler is %s', (url, expected) => {
    const address = parseDatabaseUrl(url);
    expect(address.transactionPooler).toBe(expected);
    expect(address.connectionString).not.toContain('pgbouncer');
  });

  it('encrypts connections to Supabase even when the address does not ask for it', () => {
    const { searchParams } = new URL(
      parseDatabaseUrl('postgresql://u:p@aws-0-eu.pooler.supabase.com:5432/postgres')
        .connectionString,
    );
    expect(searchParams.get('sslmode')).toBe('require');
    expect(parseDatabaseUrl('postgres://u:p@127.0.0.1/app').connectionString).not.toContain('ssl');
  });

  it('reads sslmode as psql does', () => {
    const { searchParams } = new URL(
      parseDatabaseUrl('postgres://u:p@db.example.com/app?sslmode=verify-full').connectionString,
    );
    expect(searchParams.get('sslmode')).toBe('verify-full');
    expect(searchParams.get('uselibpqcompat')).toBe('true');
  });

  it.each(['', 'localhost:5432', 'mysql://u:p@localhost/app'])(
    'refuses "%s" without repeating it',
    (url) => {
      expect(() => parseDatabaseUrl(url)).toThrow('DATABASE_URL must look like postgresql://');
    },
  );

  it('names another database on the same server', () => {
    expect(withDatabase('postgres://u:p%40@h:1/a?sslmode=require', 'b c')).toBe(
      'postgres://u:p%40@h:1/b%20c?sslmode=require',
    );
  });
});
