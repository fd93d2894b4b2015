import type { Executor } from '../../src/db/index.ts';

/** How many rows of these tables the open transaction has read so far, by scan or by index. */
export async function rowsRead(db: Executor, tables: readonly string[]): Promise<number> {
  const [row] = await db.query<{ rows: number }>(
    `select sum(seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_xact_user_tables
      where relid = any($1::regclass[])`,
    [tables],
  );
  return row?.rows ?? Number.NaN;
}
