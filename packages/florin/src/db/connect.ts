import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { DatabaseUnavailableError, type Logger, silentLogger } from '../kernel/index.ts';
import { type DatabaseAddress, parseDatabaseUrl } from './address.ts';
import type { Database, Executor, QueryOptions, Row, SqlValue, Statement } from './database.ts';
import { createListener } from './listener.ts';
import { rowTypes, toRows } from './rows.ts';
import { createShares } from './shares.ts';
import { describe, endsConnection, isOutdatedPlan, toFlorinError } from './sqlstate.ts';
import { toDriverValues } from './values.ts';

export type ConnectOptions = {
  url: string;
  /** Connections at most. Ten serve a two-core database well; more only queue inside it. */
  maxConnections?: number;
  /** How many of them only `reserved` work may use; default: none. */
  reservedConnections?: number;
  applicationName?: string;
  /** Milliseconds to wait for a free or new connection before `database_unavailable`. */
  connectTimeoutMs?: number;
  /** Milliseconds a statement may run before the server cancels it. */
  statementTimeoutMs?: number;
  /** Milliseconds a statement may wait for a lock; default: 2,000, for a writer holds one for milliseconds. */
  lockTimeoutMs?: number;
  /** Milliseconds a connection may lie unused before it is closed. */
  idleTimeoutMs?: number;
  logger?: Logger;
};

type Limits = {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
};

/** A statement that outlives its server-side timeout by this much has lost its connection. */
const READ_GRACE_MS = 5_000;
const IDLE_IN_TRANSACTION_MS = 30_000;
/** Sessions hear of a replaced function a moment after its migration has committed. */
const OUTDATED_ATTEMPTS = 4;
const OUTDATED_PAUSE_MS = 10;
const CONNECTION_LIFETIME_S = 1_800;
/** A server that is gone does not answer a goodbye. */
const GOODBYE_MS = 2_000;

/**
 * A pool of connections. Opens none until the first statement; a lost database makes calls fail
 * with `database_unavailable` and never ends the process; the next call after it is back succeeds.
 */
export function connect(options: ConnectOptions): Database {
  const address = parseDatabaseUrl(options.url);
  const max = options.maxConnections ?? 10;
  const connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
  const logger = options.logger ?? silentLogger;
  const limits: Limits = {
    statementTimeoutMs: options.statementTimeoutMs ?? 15_000,
    lockTimeoutMs: options.lockTimeoutMs ?? 2_000,
  };
  const applicationName = options.applicationName ?? 'florin';
  const pool = new pg.Pool({
    connectionString: address.connectionString,
    application_name: applicationName,
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: options.idleTimeoutMs ?? 30_000,
    maxLifetimeSeconds: CONNECTION_LIFETIME_S,
    query_timeout: limits.statementTimeoutMs + READ_GRACE_MS,
    keepAlive: true,
    types: rowTypes,
    ...(address.transactionPooler ? {} : sessionLimits(limits)),
  });
  pool.on('error', (error) =>
    logger.warn({ error: error.message }, 'an idle database connection was lost'),
  );
  const ending = untilAllEnded(pool);
  // While a connection is lent out, its statement tells of the loss; without a listener Node would end.
  pool.on('connect', (client) => client.on('error', () => undefined));

  const listener = createListener({ address, applicationName, logger });
  const shares = createShares({
    max,
    reserved: Math.min(options.reservedConnections ?? 0, max - 1),
    waitMs: connectTimeoutMs,
  });
  let closing: Promise<void> | undefined;
  let lent = 0;
  let waitedMs = 0;

  async function borrow<T>(
    use: QueryOptions & { reserved: boolean },
    work: (loan: Loan) => Promise<T>,
  ): Promise<T> {
    const asked = performance.now();
    const leave = await shares.enter(use);
    try {
      return await withClient(pool, (loan) => {
        lent += 1;
        waitedMs += performance.now() - asked;
        return work(loan);
      });
    } finally {
      leave();
    }
  }

  function view(reserved: boolean): Omit<Database, 'reserved'> {
    return {
      async query(statement, values, options) {
        const prepared = prepare(statement, values);
        const use = { ...options, reserved };
        let named = typeof statement !== 'string' && !address.transactionPooler;
        for (let attempt = 1; ; attempt += 1) {
          try {
            return await borrow(use, (loan) => run({ loan, named, ...prepared }));
          } catch (error) {
            const again = typeof statement !== 'string' && attempt < OUTDATED_ATTEMPTS;
            if (!again || !isOutdatedPlan((error as Error).cause)) {
              throw error;
            }
            // Without its name it is parsed anew: no old plan can refuse it again.
            named = false;
            await wait(OUTDATED_PAUSE_MS * attempt);
          }
        }
      },
      transaction: (work) =>
        borrow({ reserved }, (loan) => inTransaction({ loan, address, limits, work })),
      listen: (channel, onMessage) => listener.listen(channel, onMessage),
      figures: () => ({
        open: pool.totalCount,
        waiting: pool.waitingCount + shares.waiting,
        lent,
        waitedSeconds: waitedMs / 1000,
        refused: shares.refused,
      }),
      close() {
        closing ??= Promise.all([listener.close(), ending()]).then(() => undefined);
        return closing;
      },
    };
  }

  const kept: Database = {
    ...view(true),
    get reserved() {
      return kept;
    },
  };
  return { ...view(false), reserved: kept };
}

/**
 * Ends a pool and waits until the server has closed each connection: the pool's own `end` only says
 * goodbye, and a server that is stopped next would break connections that are on their way out.
 */
function untilAllEnded(pool: pg.Pool): () => Promise<void> {
  const open = new Set<pg.PoolClient>();
  let none: () => void = () => undefined;
  pool.on('connect', (client) => open.add(client));
  pool.on('remove', (client) => {
    open.delete(client);
    if (open.size === 0) {
      none();
    }
  });
  return async () => {
    const ended = new Promise<void>((resolve) => {
      none = resolve;
    });
    await pool.end();
    if (open.size > 0) {
      await Promise.race([ended, wait(GOODBYE_MS, undefined, { ref: false })]);
    }
  };
}

function sessionLimits(limits: Limits) {
  return {
    statement_timeout: limits.statementTimeoutMs,
    lock_timeout: limits.lockTimeoutMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  };
}

/** A connection on loan; a broken one is thrown away instead of going back to the pool. */
type Loan = { readonly client: pg.PoolClient; broken: boolean };

async function withClient<T>(pool: pg.Pool, work: (loan: Loan) => Promise<T>): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw new DatabaseUnavailableError(`The database cannot be reached: ${describe(error)}`, {
      cause: error,
    });
  }
  const loan: Loan = { client, broken: false };
  const markBroken = () => {
    loan.broken = true;
  };
  client.once('error', markBroken);
  try {
    return await work(loan);
  } finally {
    client.removeListener('error', markBroken);
    client.release(loan.broken);
  }
}

/** A statement as the driver takes it: whatever cannot be sent has been refused before. */
type Prepared = {
  readonly name: string | undefined;
  readonly text: string;
  readonly values: unknown[] | undefined;
};

function prepare(statement: Statement | string, values: readonly SqlValue[] | undefined): Prepared {
  return {
    name: typeof statement === 'string' ? undefined : statement.name,
    text: typeof statement === 'string' ? statement : statement.text,
    values: values === undefined ? undefined : toDriverValues(values),
  };
}

async function run<R extends Row>(
  options: Prepared & { loan: Loan; named: boolean },
): Promise<R[]> {
  const { loan, named, name, text, values } = options;
  return onLoan(loan, async () => {
    const result = await loan.client.query<unknown[]>({
      ...(named ? { name } : {}),
      text,
      values,
      rowMode: 'array',
    } as pg.QueryArrayConfig);
    return toRows<R>(result);
  });
}

/** Where the driver's errors become ours, and where it shows that a connection must not be used again. */
async function onLoan<T>(loan: Loan, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    loan.broken ||= endsConnection(error);
    throw toFlorinError(error);
  }
}

async function inTransaction<T>(options: {
  loan: Loan;
  address: DatabaseAddress;
  limits: Limits;
  work: (tx: Executor) => Promise<T>;
}): Promise<T> {
  const { loan, address, limits, work } = options;
  let open = true;
  // One statement at a time: a caller may await several at once.
  let last: Promise<unknown> = Promise.resolve();
  const tx: Executor = {
    query<R extends Row>(statement: Statement | string, values?: readonly SqlValue[]) {
      const next = last.then(() => {
        if (!open) {
          throw new Error(
            'This transaction is over: its executor was kept and used after the end.',
          );
        }
        const named = typeof statement !== 'string' && !address.transactionPooler;
        return run<R>({ loan, named, ...prepare(statement, values) });
      });
      last = next.catch(() => undefined);
      return next;
    },
  };
  const command = (text: string) => onLoan(loan, () => loan.client.query(text));
  await command(address.transactionPooler ? beginWithLimits(limits) : 'begin');
  try {
    const result = await work(tx);
    await last;
    open = false;
    await command('commit');
    return result;
  } catch (error) {
    await last;
    open = false;
    await command('rollback').catch(() => undefined);
    throw error;
  }
}

/** Behind a transaction pooler a session keeps nothing, so each transaction brings its limits. */
function beginWithLimits(limits: Limits): string {
  return `begin; set local statement_timeout = ${limits.statementTimeoutMs}; set local lock_timeout = ${limits.lockTimeoutMs}; set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`;
}
