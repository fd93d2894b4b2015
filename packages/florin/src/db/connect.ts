import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { DatabaseUnavailableError, type Logger, silentLogger } from '../kernel/index.ts';
import { type DatabaseAddress, parseDatabaseUrl } from './address.ts';
import type { Database, Executor, Row, SqlValue, Statement } from './database.ts';
import { createListener } from './listener.ts';
import { rowTypes, toRows } from './rows.ts';
import { describe, isConnectionLost, toFlorinError } from './sqlstate.ts';

export type ConnectOptions = {
  url: string;
  /** Connections at most. Ten serve a two-core database well; more only queue inside it. */
  maxConnections?: number;
  applicationName?: string;
  /** Milliseconds to wait for a free or new connection before `database_unavailable`. */
  connectTimeoutMs?: number;
  /** Milliseconds a statement may run before the server cancels it. */
  statementTimeoutMs?: number;
  /** Milliseconds a statement may wait for a lock. */
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
const CONNECTION_LIFETIME_S = 1_800;
/** A server that is gone does not answer a goodbye. */
const GOODBYE_MS = 2_000;

/**
 * A pool of connections. Opens none until the first statement; a lost database makes calls fail
 * with `database_unavailable` and never ends the process; the next call after it is back succeeds.
 */
export function connect(options: ConnectOptions): Database {
  const address = parseDatabaseUrl(options.url);
  const logger = options.logger ?? silentLogger;
  const limits: Limits = {
    statementTimeoutMs: options.statementTimeoutMs ?? 15_000,
    lockTimeoutMs: options.lockTimeoutMs ?? 10_000,
  };
  const applicationName = options.applicationName ?? 'florin';
  const pool = new pg.Pool({
    connectionString: address.connectionString,
    application_name: applicationName,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
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
  let closing: Promise<void> | undefined;

  return {
    query: (statement, values) =>
      withClient(pool, (client) => run({ client, address, statement, values })),
    transaction: (work) =>
      withClient(pool, (client) => inTransaction({ client, address, limits, work })),
    listen: (channel, onMessage) => listener.listen(channel, onMessage),
    close() {
      closing ??= Promise.all([listener.close(), ending()]).then(() => undefined);
      return closing;
    },
  };
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

/** Borrows a connection; one that broke is thrown away instead of going back to the pool. */
async function withClient<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw new DatabaseUnavailableError(`The database can not be reached: ${describe(error)}`, {
      cause: error,
    });
  }
  let broken = false;
  const markBroken = () => {
    broken = true;
  };
  client.once('error', markBroken);
  try {
    return await work(client);
  } catch (error) {
    broken ||= isConnectionLost(error) || isConnectionLost((error as Error).cause);
    throw error;
  } finally {
    client.removeListener('error', markBroken);
    client.release(broken);
  }
}

type Run = {
  client: pg.ClientBase;
  address: DatabaseAddress;
  statement: Statement | string;
  values: readonly SqlValue[] | undefined;
};

async function run<R extends Row>({ client, address, statement, values }: Run): Promise<R[]> {
  const named = typeof statement !== 'string' && !address.transactionPooler;
  try {
    const result = await client.query<unknown[]>({
      ...(named ? { name: statement.name } : {}),
      text: typeof statement === 'string' ? statement : statement.text,
      values: values as unknown[] | undefined,
      rowMode: 'array',
    } as pg.QueryArrayConfig);
    return toRows<R>(result);
  } catch (error) {
    throw toFlorinError(error);
  }
}

async function inTransaction<T>(options: {
  client: pg.ClientBase;
  address: DatabaseAddress;
  limits: Limits;
  work: (tx: Executor) => Promise<T>;
}): Promise<T> {
  const { client, address, limits, work } = options;
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
        return run<R>({ client, address, statement, values });
      });
      last = next.catch(() => undefined);
      return next;
    },
  };
  const command = async (text: string) => {
    try {
      await client.query(text);
    } catch (error) {
      throw toFlorinError(error);
    }
  };
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
    await rollback(client);
    throw error;
  }
}

/** Behind a transaction pooler a session keeps nothing, so each transaction brings its limits. */
function beginWithLimits(limits: Limits): string {
  return `begin; set local statement_timeout = ${limits.statementTimeoutMs}; set local lock_timeout = ${limits.lockTimeoutMs}; set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`;
}

/** Rolls back, quietly when the connection is already gone: the first error is the one that tells. */
async function rollback(client: pg.ClientBase): Promise<void> {
  try {
    await client.query('rollback');
  } catch (error) {
    client.emit('error', error instanceof Error ? error : new Error(String(error)));
  }
}
