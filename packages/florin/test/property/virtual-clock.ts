import type { Database } from '../../src/db/index.ts';

export type VirtualClock = { set(at: Date): Promise<void> };

/**
 * Gives the ledger of a test's own database a clock that the test sets: every function and view of
 * `credits` is made again, word for word, with `clock_timestamp()` replaced. So instants are reached
 * exactly and without waiting. Fails if nothing was replaced.
 */
export async function installVirtualClock(db: Database): Promise<VirtualClock> {
  await db.transaction(async (tx) => {
    await tx.query('set local role florin_owner');
    await tx.query('create table credits.test_clock (at timestamptz not null)');
    await tx.query("insert into credits.test_clock values ('2030-01-01Z')");
    await tx.query(
      `create function credits.test_now() returns timestamptz language sql volatile security definer
       set search_path = '' as 'select at from credits.test_clock'`,
    );
    await tx.query('grant execute on function credits.test_now() to public');
    const definitions = await tx.query<{ definition: string }>(
      `select pg_get_functiondef(p.oid) as definition from pg_proc p
        where p.pronamespace = 'credits'::regnamespace and p.prokind = 'f'
          and p.prosrc like '%clock_timestamp()%'
       union all
       select format('create or replace view credits.%I with (security_invoker = true) as %s',
                     c.relname, pg_get_viewdef(c.oid))
         from pg_class c
        where c.relnamespace = 'credits'::regnamespace and c.relkind = 'v'
          and pg_get_viewdef(c.oid) like '%clock_timestamp()%'`,
    );
    if (definitions.length < 10) {
      throw new Error('The ledger reads the clock in fewer places than expected.');
    }
    for (const { definition } of definitions) {
      await tx.query(definition.replaceAll('clock_timestamp()', 'credits.test_now()'));
    }
  });
  return {
    set: (at) =>
      db.transaction(async (tx) => {
        await tx.query('set local role florin_owner');
        await tx.query('update credits.test_clock set at = $1', [at]);
      }),
  };
}
