/**
 * A value that can be bound to a parameter. Dates become timestamptz, objects become jsonb: within
 * JSON_LIMITS, else `invalid_input`.
 */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Buffer
  | readonly SqlValue[]
  | { readonly [key: string]: unknown };

/** A statement whose text never changes and so is prepared once a connection under its name. */
export type Statement = { readonly name: string; readonly text: string };

/** A row as the driver's edge hands it on: camelCase keys, bigint as number, timestamptz as Date. */
export type Row = Record<string, unknown>;

export type QueryOptions = {
  /**
   * Statements of one lane hold at most two of the pool's connections, the rest waits and is refused with
   * `account_busy` after a while. For what locks one account's row. An open transaction ignores it.
   */
  readonly lane?: string | undefined;
};

/** What can run statements: the pool, or one open transaction. */
export type Executor = {
  /**
   * Runs one statement in one round trip. Failures arrive as FlorinError (see sqlstate.ts). A named
   * statement that failed because a plan was out of date left nothing behind and is sent again, on another
   * connection.
   */
  query<R extends Row>(
    statement: Statement | string,
    values?: readonly SqlValue[],
    options?: QueryOptions,
  ): Promise<R[]>;
};

/** How the pool stands, for metrics. Counts are since the start. */
export type PoolFigures = {
  readonly open: number;
  /** Callers that wait for a connection or for their share of them. */
  readonly waiting: number;
  /** How often a connection was lent, and seconds that all callers together waited for one. */
  readonly lent: number;
  readonly waitedSeconds: number;
  /** Callers that were refused with `account_busy`. */
  readonly refused: number;
};

export type Database = Executor & {
  /** Runs `work` in one transaction: commits when it returns, rolls back when it throws. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>;
  /**
   * Calls `onMessage` for each NOTIFY on `channel` until the returned function is called. Where the
   * connection cannot listen (a transaction-mode pooler) `onMessage` is never called: poll beside it.
   */
  listen(channel: string, onMessage: (payload: string) => void): Promise<() => Promise<void>>;
  /** The same database for work that must go on whatever others do: it may use the connections kept for it. */
  readonly reserved: Database;
  figures(): PoolFigures;
  /** Ends the connections and waits until the server has closed them, for two seconds at most. Repeatable. */
  close(): Promise<void>;
};
