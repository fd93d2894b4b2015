/** A value that can be bound to a parameter. Dates become timestamptz, objects become jsonb. */
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

/** What can run statements: the pool, or one open transaction. */
export type Executor = {
  /** Runs one statement in one round trip. Failures arrive as FlorinError (see sqlstate.ts). */
  query<R extends Row>(statement: Statement | string, values?: readonly SqlValue[]): Promise<R[]>;
};

export type Database = Executor & {
  /** Runs `work` in one transaction: commits when it returns, rolls back when it throws. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>;
  /**
   * Calls `onMessage` for each NOTIFY on `channel` until the returned function is called. Where the
   * connection cannot listen (a transaction-mode pooler) `onMessage` is never called: poll beside it.
   */
  listen(channel: string, onMessage: (payload: string) => void): Promise<() => Promise<void>>;
  /** Ends the connections and waits until the server has closed them, for two seconds at most. Repeatable. */
  close(): Promise<void>;
};
