import pg from 'pg';
import { expect } from 'vitest';
import type { FreshDatabase } from './postgres.ts';

/** A migration that adds a column to a function's answer: the function is dropped and made again. */
export async function widen(fresh: FreshDatabase, name: string, column: string): Promise<void> {
  const admin = new pg.Client({ connectionString: fresh.adminUrl || fresh.url });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ signature: string; definition: string }>(
      `select oid::regprocedure::text as signature, pg_get_functiondef(oid) as definition
         from pg_proc where proname = $1 and pronamespace = 'credits'::regnamespace`,
      [name],
    );
    const [row] = rows;
    const definition = row?.definition.replace(
      /\)\s+RETURNS record/,
      `, OUT ${column} text) RETURNS record`,
    );
    expect(definition).toContain(`OUT ${column} text`);
    await admin.query('begin');
    await admin.query('set local role florin_owner');
    await admin.query(`drop function ${row?.signature}`);
    await admin.query(String(definition));
    await admin.query(`grant execute on function ${row?.signature} to postgres, service_role`);
    await admin.query('commit');
  } finally {
    await admin.end();
  }
}
