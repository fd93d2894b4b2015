/** What the ledger must do, in order. The database applies them in the event's own transaction. */
export type Command = IssueCommand | RolloverCommand | TakeBackCommand | GiveBackCommand;

/**
 * Why Florin writes: `payment` for what Stripe's events say; `correction` and `unpaid` are reconcile's.
 * The keys of its commands begin with `florin:`, which no app may use.
 */
export type Cause = 'payment' | 'correction' | 'unpaid';

export type IssueCommand = {
  readonly do: 'issue';
  readonly cause: Cause;
  readonly accountId: string;
  readonly amount: number;
  readonly key: string;
  /** The purchase that the grant is for. */
  readonly purchaseKey: string;
  readonly source: string;
  readonly priority: number;
  readonly expiresAt: string | null;
  readonly metadata: CommandMetadata;
};

/**
 * Grants again what expired unspent of a subscription's period, up to `amount`. How much that is only
 * the ledger knows, so it is found under the account's lock; nothing unspent, nothing granted.
 */
export type RolloverCommand = Omit<IssueCommand, 'do'> & {
  readonly do: 'rollover';
  /** When the period that is over ended, in seconds. */
  readonly periodEnd: number;
};

/** Reverses part of the grant that was issued under `grantKey`. */
export type TakeBackCommand = {
  readonly do: 'reverse';
  readonly cause: Cause;
  readonly accountId: string;
  readonly amount: number;
  readonly key: string;
  readonly grantKey: string;
  readonly metadata: CommandMetadata;
};

/** Undoes part of earlier reversals of the grant that was issued under `grantKey`. */
export type GiveBackCommand = {
  readonly do: 'restore';
  readonly cause: Cause;
  readonly accountId: string;
  readonly amount: number;
  readonly key: string;
  readonly grantKey: string;
  readonly metadata: CommandMetadata;
};

export type CommandMetadata = Readonly<Record<string, string | number>>;
