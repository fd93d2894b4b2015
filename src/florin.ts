import { setTimeout as wait } from 'node:timers/promises';
import { connect, type Database } from './db/index.ts';
import { type Logger, silentLogger } from './kernel/index.ts';
import {
  captureHold,
  type IssueGrant,
  issueGrant,
  type PlaceHold,
  placeHold,
  readBalance,
  releaseHold,
  type Spend,
  spend,
  verifyLedger,
} from './ledger/index.ts';
import {
  type HoldOutcome,
  type HoldRequest,
  type HoldWork,
  type OpenHold,
  withHold,
} from './with-hold.ts';

export type LedgerConfig = {
  /** Postgres with Florin's migrations: Supabase or plain, directly or through a pooler. */
  databaseUrl: string;
  /** Connections at most; default 10. */
  maxConnections?: number;
  /** Default: says nothing. */
  logger?: Logger;
};

/** The ledger's part of the library: credits in, credits out, and proof. */
export type FlorinLedger = {
  /** Takes credits. The same key again answers with the first result. Throws `insufficient_credits`. */
  spend(request: Spend): ReturnType<typeof spend>;
  /** Gives credits. The same key again answers with the first result. */
  grant(request: IssueGrant): ReturnType<typeof issueGrant>;
  /** Reserves, runs `work`, charges what it used, gives the rest back. See {@link withHold}. */
  withHold<T>(
    request: HoldRequest,
    work: (hold: OpenHold) => Promise<HoldWork<T>>,
  ): Promise<HoldOutcome<T>>;
  placeHold(request: PlaceHold): ReturnType<typeof placeHold>;
  /** Charges all or part of a hold; the rest is given back. Repeating with the same amount replays. */
  captureHold(hold: {
    accountId: string;
    holdId: string;
    amount?: number;
  }): ReturnType<typeof captureHold>;
  /** Gives a hold back. Repeating replays. */
  releaseHold(hold: { accountId: string; holdId: string }): ReturnType<typeof releaseHold>;
  /** Right to the instant; zeros for an unknown account. */
  balance(accountId: string): ReturnType<typeof readBalance>;
  /** A row for each broken invariant: none when the ledger is sound. */
  verify(accountId?: string): ReturnType<typeof verifyLedger>;
};

const FIRST_PAUSE_MS = 100;

/** The ledger's functions over a database that the caller opened and closes. */
export function createLedger(db: Database, logger: Logger): FlorinLedger {
  const pause = (attempt: number) => wait(FIRST_PAUSE_MS * 2 ** attempt);
  return {
    spend: (request) => spend(db, request),
    grant: (request) => issueGrant(db, request),
    withHold: (request, work) => withHold({ db, logger, pause }, request, work),
    placeHold: (request) => placeHold(db, request),
    captureHold: (hold) => captureHold(db, hold),
    releaseHold: (hold) => releaseHold(db, hold),
    balance: (accountId) => readBalance(db, accountId),
    verify: (accountId) => verifyLedger(db, accountId),
  };
}

/** Connects the ledger's functions to a database; `close` ends the connections. */
export function connectLedger(config: LedgerConfig): FlorinLedger & { close(): Promise<void> } {
  const logger = config.logger ?? silentLogger;
  const db = connect({
    url: config.databaseUrl,
    logger,
    ...(config.maxConnections === undefined ? {} : { maxConnections: config.maxConnections }),
  });
  return { ...createLedger(db, logger), close: () => db.close() };
}
