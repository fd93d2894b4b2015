import { inject } from 'vitest';
import type { Database, Executor } from '../../src/db/index.ts';
import { onWorkers } from '../support/citus.ts';

export type VirtualClock = { set(at: Date): Promise<void> };

/**
 * Gives the ledger of a test's own database a clock that the test sets: every function and view of
 * `credits` is made again, word for word, with `clock_timestamp()` replaced. So instants are reached
 * exactly and without waiting. Fails if nothing was replaced. On a cluster each node has the clock.
 */
export async function installVirtualClock(db: Database): Promise<VirtualClock> {
  const definitions = await db.query<{ kind: string; definition: string }>(
    `select 'function' as kind, pg_get_functiondef(p.oid) as definition from pg_proc p
      where p.pronamespace = 'credits'::regnamespace and p.prokind = 'f'
        and p.prosrc like '%clock_timestamp()%'
     union all
     select 'view', format('create or replace view credits.%I with (security_invoker = true) as %s',
                           c.relname, pg_get_viewdef(c.oid))
       from pg_class c
      where c.relnamespace = 'credits'::regnamespace and c.relkind = 'v'
        and pg_get_viewdef(c.oid) like '%clock_timestamp()%'`,
  );
  if (definitions.length < 10) {
    throw new Error('The ledger reads the clock in fewer places than expected.');
  }
  const replaced = definitions.map(({ kind, definition }) => ({
    kind,
    statement: definition.replaceAll('clock_timestamp()', 'credits.test_now()'),
  }));
  const functions = replaced.filter(({ kind }) => kind === 'function');
  await everyWorker(db, [...CLOCK, ...functions.map(({ statement }) => statement)]);
  await db.transaction(async (tx) => {
    await tx.query('set local role florin_owner');
    for (const statement of [...CLOCK, ...replaced.map((each) => each.statement)]) {
      await tx.query(statement);
    }
  });
  const set = (at: string) => `update credits.test_clock set at = '${at}'`;
  return {
    async set(at) {
      await db.transaction(async (tx) => {
        await tx.query('set local role florin_owner');
        await tx.query(set(at.toISOString()));
      });
      await everyWorker(db, [set(at.toISOString())]);
    },
  };
}

/** Each node of a cluster is told by itself; elsewhere the first statement means nothing. */
const CLOCK = [
  'set local citus.enable_ddl_propagation to off',
  'create table credits.test_clock (at timestamptz not null)',
  "insert into credits.test_clock values ('2030-01-01Z')",
  `create function credits.test_now() returns timestamptz language sql volatile security definer
     set search_path = '' as 'select at from credits.test_clock'`,
  'grant execute on function credits.test_now() to public',
];

async function everyWorker(db: Executor, statements: readonly string[]): Promise<void> {
  const citus = inject('citus');
  if (citus !== null) {
    const [own] = await db.query<{ name: string }>('select current_database() as name');
    await onWorkers(citus, { name: own?.name ?? '', role: 'florin_owner', statements });
  }
}
