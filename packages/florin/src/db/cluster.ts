import { connect } from './connect.ts';

/** A worker of the Citus cluster that the ledger is spread over. */
export type WorkerReport = {
  readonly worker: string;
  /** Why it did not answer; null when it did. */
  readonly failure: string | null;
  /** Functions of the ledger that it lacks, or has otherwise than the coordinator. */
  readonly stale: readonly string[];
};

const IS_SPREAD = `
  select exists (
    select 1 from pg_catalog.pg_dist_partition p
     where p.logicalrelid = to_regclass('credits.accounts')) as it_is`;

/** One value, for that is all that a worker sends back. */
const FUNCTIONS = `
  select coalesce(json_object_agg(
           format('credits.%s(%s)', p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
           p.prosrc), '{}')::text as functions
    from pg_catalog.pg_proc p
   where p.pronamespace = to_regnamespace('credits') and p.prokind = 'f'`;

/** What distribute.sql puts on workers in place of a function says this. */
const REPLACED = 'spread over a cluster';

/** The workers and what they lack; none where the ledger is on one Postgres. Reads only. */
export async function inspectWorkers(url: string): Promise<WorkerReport[]> {
  const db = connect({ url, maxConnections: 1, applicationName: 'florin doctor' });
  try {
    const [citus] = await db.query<{ isThere: boolean }>(
      "select to_regclass('pg_catalog.pg_dist_partition') is not null as is_there",
    );
    const [spread] = citus?.isThere ? await db.query<{ itIs: boolean }>(IS_SPREAD) : [];
    if (!spread?.itIs) {
      return [];
    }
    const [own] = await db.query<{ functions: string }>(FUNCTIONS);
    const wanted = sourcesIn(own?.functions);
    const answers = await db.query<{ worker: string; success: boolean; result: string }>(
      `select format('%s:%s', nodename, nodeport) as worker, success, result
         from pg_catalog.run_command_on_workers($1) order by 1`,
      [FUNCTIONS],
    );
    return answers.map(({ worker, success, result }) => {
      if (!success) {
        return { worker, failure: result, stale: [] };
      }
      const there = sourcesIn(result);
      const stale = [...wanted].filter(([name, source]) => {
        const found = there.get(name);
        return found !== source && !found?.includes(REPLACED);
      });
      return { worker, failure: null, stale: stale.map(([name]) => name).sort() };
    });
  } finally {
    await db.close();
  }
}

function sourcesIn(functions = '{}'): Map<string, string> {
  return new Map(Object.entries(JSON.parse(functions) as Record<string, string>));
}
