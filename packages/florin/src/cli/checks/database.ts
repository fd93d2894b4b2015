import {
  type DatabaseReport,
  inspectDatabase,
  inspectWorkers,
  isPoolerRefusal,
  pendingMigrations,
  type WorkerReport,
} from '../../db/index.ts';
import { type Check, fault, messageOf, ok, warning } from './check.ts';

const OLDEST_VERSION = 150_000;
/** Stripe's signatures hold for five minutes: clocks further apart than this deserve a look. */
const CLOCK_TOLERANCE_MS = 5_000;
/** Functions that a worker lacks and that are told by name. */
const MAX_NAMED = 5;

/** Reachable, new enough, migrated, closed to strangers, and open enough for the service. */
export async function checkDatabase(url: string | undefined): Promise<Check[]> {
  if (url === undefined) {
    return [
      fault(
        'database',
        'DATABASE_URL is not set',
        'Set it to the connection string of your Postgres (Supabase: Project Settings, Database).',
      ),
    ];
  }
  let report: DatabaseReport;
  try {
    report = await inspectDatabase(url);
  } catch (error) {
    return [
      fault(
        'database.reachable',
        messageOf(error),
        error instanceof Error && isPoolerRefusal(error.cause)
          ? 'Add ?pgbouncer=true to DATABASE_URL, or use the address of the database itself.'
          : 'Check host, port, user and password of DATABASE_URL, and that the network lets you through.',
      ),
    ];
  }
  return [
    ok('database.reachable', `as ${report.role}${report.encrypted ? ', encrypted' : ''}`),
    checkVersion(report),
    checkPooler(report),
    checkClock(report),
    await checkMigrations(url),
    checkRoles(report),
    checkRights(report),
    ...checkExposure(report),
    ...(await inspectWorkers(url)).map(checkWorker),
  ];
}

function checkWorker({ worker, failure, stale }: WorkerReport): Check {
  const name = `database.worker.${worker}`;
  if (failure !== null) {
    return fault(
      name,
      `does not answer: ${failure}`,
      'Start it: what its accounts spend is refused until then.',
    );
  }
  return stale.length === 0
    ? ok(name, "has the ledger's functions")
    : fault(
        name,
        `lacks or has an older ${named(stale)}`,
        'On the coordinator, as a superuser: psql -v ON_ERROR_STOP=1 -f supabase/optional/distribute.sql',
      );
}

/** A worker that was just added lacks them all. */
function named(functions: readonly string[]): string {
  const more = functions.length - MAX_NAMED;
  return functions.slice(0, MAX_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function checkVersion({ versionNumber }: DatabaseReport): Check {
  const found = `Postgres ${Math.floor(versionNumber / 10_000)}.${versionNumber % 10_000}`;
  return versionNumber >= OLDEST_VERSION
    ? ok('database.version', found)
    : fault('database.version', found, 'Upgrade to Postgres 15 or newer.');
}

function checkPooler({ transactionPooler }: DatabaseReport): Check {
  return transactionPooler
    ? warning(
        'database.connection',
        'a transaction-mode pooler: live balances are polled instead of pushed',
        'For a long-running service use the session port 5432; for serverless functions this one is right.',
      )
    : ok('database.connection', 'a session of its own');
}

function checkClock({ clockAheadMs }: DatabaseReport): Check {
  const found = `the database is ${(clockAheadMs / 1000).toFixed(1)} s ahead of this machine`;
  return Math.abs(clockAheadMs) <= CLOCK_TOLERANCE_MS
    ? ok('database.clock', found)
    : warning('database.clock', found, 'Let this machine keep its time with NTP.');
}

async function checkMigrations(url: string): Promise<Check> {
  const pending = (await pendingMigrations({ url })).map((migration) => migration.version);
  return pending.length === 0
    ? ok('database.migrations', 'current')
    : fault(
        'database.migrations',
        `pending: ${pending.join(', ')}`,
        'Run `florin migrate`, or `florin init` and `supabase db push`.',
      );
}

function checkRoles({ missingRoles, role, isSuperuser }: DatabaseReport): Check {
  if (missingRoles.length > 0) {
    return fault('database.roles', `missing: ${missingRoles.join(', ')}`, 'Run `florin migrate`.');
  }
  return isSuperuser
    ? warning(
        'database.roles',
        `${role} is a superuser, for whom no right and no policy counts`,
        'Connect as an ordinary role: on Supabase as postgres.',
      )
    : ok('database.roles', 'all there');
}

function checkRights({ mayWrite, role }: DatabaseReport): Check {
  return mayWrite
    ? ok('database.rights', `${role} may call the ledger's functions`)
    : fault(
        'database.rights',
        `${role} may not call the ledger's functions`,
        'Run `florin migrate` as the role that the service connects with.',
      );
}

function checkExposure({ openToAnon, exposedSchemas }: DatabaseReport): Check[] {
  const strangers =
    openToAnon.length === 0
      ? ok('database.exposure', 'nothing private is open to anon')
      : fault(
          'database.exposure',
          `open to anon: ${openToAnon.join(', ')}`,
          'Revoke these rights: nothing in credits and billing is meant for anon.',
        );
  const served =
    exposedSchemas.length === 0
      ? []
      : [
          warning(
            'database.api',
            `the project's API serves ${exposedSchemas.join(' and ')}`,
            'Remove them under Project Settings, API, Exposed schemas, unless that is what you want.',
          ),
        ];
  return [strangers, ...served];
}
