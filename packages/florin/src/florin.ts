import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { postAlerts } from './alerts/index.ts';
import { type Charges, createCharges } from './charge/index.ts';
import { parseConfig } from './config.ts';
import { createCredit, WHOLE_CREDITS, withCredits } from './credit/index.ts';
import { type Context, connect, type Database } from './db/index.ts';
import { createApp } from './http/index.ts';
import { type JobOutcome, type RunningJob, runJobs, startJobs } from './jobs/index.ts';
import {
  backoff,
  check,
  type Logger,
  randomIds,
  silentLogger,
  systemClock,
} from './kernel/index.ts';
import {
  type BatchItem,
  type CaptureHold,
  captureHold,
  closeAccount,
  createAnnouncer,
  createSpender,
  type ExtendHold,
  explainBalance,
  extendHold,
  type GrantPart,
  type HoldOutcome,
  type HoldRequest,
  type HoldWork,
  type IssueGrant,
  issueGrant,
  type Limit,
  type LimitScope,
  listLimits,
  type OpenHold,
  type PlaceHold,
  placeHold,
  readBalance,
  readHold,
  releaseHold,
  removeLimit,
  restoreGrant,
  reverseGrant,
  type SetLimit,
  type Spend,
  setLimit,
  spendBatch,
  type Transfer,
  transfer,
  verifyLedger,
  voidGrant,
  type Written,
  withDecimals,
  withHold,
} from './ledger/index.ts';
import { createMembers, type Members } from './members/index.ts';
import {
  checkFlorinOptions,
  checkLedgerConfig,
  type FlorinOptions,
  type LedgerConfig,
} from './options.ts';
import {
  erasePerson,
  exportPerson,
  type PersonErasure,
  type PersonExport,
} from './person/index.ts';
import { createStripeClient, createStripeLookups, isLiveKey } from './stripe/index.ts';
import { drainInbox, type WebhookDeps } from './webhooks/index.ts';

/**
 * The ledger's part of the library: credits in, credits out, and proof. Amounts are credits above 0,
 * whole numbers up to 2^53 - 1; with `credit.decimals` in the catalogue, a number or a text with at most
 * so many decimals, and answers are numbers where they are whole, else texts. An `accountId` is a uuid, by
 * default the Supabase user's. An `idempotencyKey` (1 to 255 characters, not beginning with `florin:`)
 * names one intent of the account's: the same key with the same
 * input answers with the first result and `replayed` true, with other input it throws
 * `idempotency_key_reused`. Every function may throw `database_unavailable`: the outcome is unknown then,
 * so repeat the call with the same key. A write may throw `account_busy`: nothing was done, repeat it too.
 * Malformed input throws `invalid_input`, which names the field, before it reaches the database.
 * Errors are FlorinError with a stable `code` (docs/errors.md).
 */
export type FlorinLedger = {
  /**
   * Takes credits, from the grants in burn order. Throws `insufficient_credits` with what is available
   * (0 for an unknown account) and writes nothing. Concurrent spends share a commit.
   */
  spend(request: Spend): Promise<Written>;
  /**
   * Gives credits; makes the account if it is new. Without `expiresAt` they never expire; a lower
   * `priority` is spent first (default 0). Throws `amount_not_allowed`, `account_closed`.
   */
  grant(request: IssueGrant): ReturnType<typeof issueGrant>;
  /** Reserves, runs `work`, charges what it used, gives the rest back. See {@link withHold}. */
  withHold<T>(
    request: HoldRequest,
    work: (hold: OpenHold) => Promise<HoldWork<T>>,
  ): Promise<HoldOutcome<T>>;
  /**
   * Reserves credits for `expiresInSeconds` (default 900); what is reserved cannot be spent and does not
   * expire with its grant. Throws `insufficient_credits`.
   */
  placeHold(request: PlaceHold): ReturnType<typeof placeHold>;
  /**
   * Captures all of a hold, or `amount` of it, and gives the rest back; more than it reserves only
   * with `overage`, and debt only up to the catalogue's `debtLimit`. The hold is the key: repeating with
   * the same amount and overage replays. Throws `hold_not_open`, `amount_not_allowed`,
   * `insufficient_credits` (more debt than allowed), `limit_reached`.
   */
  captureHold(hold: CaptureHold): ReturnType<typeof captureHold>;
  /** Gives a hold more time, at most 30 days from now. */
  extendHold(hold: ExtendHold): ReturnType<typeof extendHold>;
  /** How a hold stands now, whether or not a job ran. Throws `hold_not_open` when there is none of this id. */
  readHold(hold: { accountId: string; holdId: string }): ReturnType<typeof readHold>;
  /** Gives a hold back. Named by the hold: repeating replays. Throws `hold_not_open` once captured. */
  releaseHold(hold: { accountId: string; holdId: string }): ReturnType<typeof releaseHold>;
  /** Right to the instant, whether or not a job ran; zeros for an unknown account. Writes nothing. */
  balance(accountId: string): ReturnType<typeof readBalance>;
  /**
   * Why the balance is what it is: one item a grant; their `contributes` add up to available. Writes nothing.
   */
  explain(accountId: string): ReturnType<typeof explainBalance>;
  /** Many spends in one call and one commit, each accepted or refused on its own. */
  spendBatch(items: readonly BatchItem[]): ReturnType<typeof spendBatch>;
  /**
   * Takes back credits of a grant whose money went back: from what is left of it, then from other grants,
   * then as debt, which the next grant settles first. Stripe's refunds do this by themselves. Throws
   * `grant_not_found`, and `amount_not_allowed` above what is left to take.
   */
  reverseGrant(part: GrantPart): ReturnType<typeof reverseGrant>;
  /** Undoes earlier reversals of a grant, exactly. Throws `grant_not_found`, `amount_not_allowed`. */
  restoreGrant(part: GrantPart): ReturnType<typeof restoreGrant>;
  /** Cancels what a grant has left; what was spent of it stays spent. Throws `grant_not_found`. */
  voidGrant(grant: Omit<GrantPart, 'amount'>): ReturnType<typeof voidGrant>;
  /**
   * Moves bought credits to another account; they keep their expiry, and a refund follows them. Throws
   * `insufficient_credits` with what could be moved, `account_closed`. See docs/moves.md.
   */
  transfer(request: Transfer): Promise<Written>;
  /**
   * Limits what an account, an actor or a feature may use in an hour, a day, a month or ever: spends,
   * charges and holds that would pass it throw `limit_reached` and write nothing. See docs/limits.md.
   */
  setLimit(limit: SetLimit): Promise<void>;
  /** Removes the limit of this scope; false when there was none. */
  removeLimit(limit: LimitScope): Promise<boolean>;
  /** The limits of an account, and how they stand now. */
  limits(accountId: string): Promise<readonly Limit[]>;
  /** The members of accounts that several users share. */
  readonly members: Members;
  /** Closes an account: further writes throw `account_closed`; its ledger is kept and readable. */
  closeAccount(closing: {
    accountId: string;
    idempotencyKey: string;
  }): ReturnType<typeof closeAccount>;
  /** Everything about a user in all accounts, for a request of access. See docs/personal-data.md. */
  exportPerson(userId: string): Promise<PersonExport>;
  /**
   * Closes a user's own account, ends their memberships and erases what is written of them; the ledger stays
   * provable. May be repeated; `kept` says what stays and why.
   */
  erasePerson(userId: string): Promise<PersonErasure>;
  /** A row for each broken invariant: none when the ledger is sound. */
  verify(accountId?: string): ReturnType<typeof verifyLedger>;
};

const PAUSE_MS = { first: 200, max: 5_000 };

/** The ledger's functions over a database that the caller opened and closes. */
export function createLedger(
  db: Database,
  logger: Logger,
  { debtLimit = 0, spender = createSpender(db), credit = WHOLE_CREDITS } = {},
): FlorinLedger {
  const pause = (attempt: number) => wait(backoff(attempt, PAUSE_MS));
  return {
    spend: spender.spend,
    grant: (request) => issueGrant(db, request),
    withHold: (request, work) => withHold({ db, logger, pause }, request, work),
    placeHold: (request) => placeHold(db, request),
    captureHold: (hold) => captureHold(db, hold, debtLimit),
    extendHold: (hold) => extendHold(db, hold),
    readHold: (hold) => readHold(db, hold),
    releaseHold: (hold) => releaseHold(db, hold),
    balance: (accountId) => readBalance(db, accountId),
    explain: (accountId) => explainBalance(db, accountId),
    spendBatch: (items) => spendBatch(db, items),
    reverseGrant: (part) => reverseGrant(db, part),
    restoreGrant: (part) => restoreGrant(db, part),
    voidGrant: (grant) => voidGrant(db, grant),
    transfer: (request) => transfer(db, request),
    setLimit: (limit) => setLimit(db, limit),
    removeLimit: (limit) => removeLimit(db, limit),
    limits: (accountId) => listLimits(db, accountId),
    members: createMembers(db),
    closeAccount: (closing) => closeAccount(db, closing),
    exportPerson: (userId) => exportPerson(db, { userId, now: systemClock.now(), credit }),
    erasePerson: (userId) => erasePerson(db, { userId }),
    verify: (accountId) => verifyLedger(db, accountId),
  };
}

/**
 * Connects the ledger's functions to a database; `close` ends the connections. Connects on first use.
 * Throws `invalid_configuration`, which names each fault.
 */
export function connectLedger(config: LedgerConfig): FlorinLedger & { close(): Promise<void> } {
  const given = checkLedgerConfig(config);
  const { databaseUrl, maxConnections, logger = silentLogger } = given;
  const db = connect({
    url: databaseUrl,
    logger,
    ...(maxConnections === undefined ? {} : { maxConnections }),
  });
  const credit = createCredit(given.credit?.decimals ?? 0);
  const agreed = withDecimals(db, credit.decimals);
  return {
    ...withCredits(credit, createLedger(agreed, logger, { credit })),
    close: () => db.close(),
  };
}

/** The whole service in a program of yours. */
export type Florin = FlorinLedger &
  Charges & {
    /** Every route of the service: mount it in Hono, Next.js, Express or an Edge Function. */
    fetch(request: Request, ...platform: unknown[]): Promise<Response>;
    /**
     * Answers `/metrics` without a key, for a port that the public does not reach. With METRICS_PORT set,
     * `fetch` does not answer it any more.
     */
    fetchMetrics(request: Request): Promise<Response>;
    /**
     * Processes events that wait for another attempt, at most `limit` (1 to 10,000, default 100): for a cron
     * call where no process keeps running. Throws `invalid_input` for any other limit.
     */
    drain(limit?: number): Promise<void>;
    /**
     * Runs once whatever is due of all background jobs (drain, expire, drip, usage, forget, top-up, alert,
     * reconcile):
     * for a cron call, once a minute, where no process keeps running. Takes about `forMs` milliseconds
     * (default 25 000); a comparison with Stripe that has begun takes as long as it needs. Any number of
     * instances may call it at once, also through a transaction-mode pooler: each piece of work is done by
     * one of them.
     * Repeating it does what has become due since. `failure` in an outcome names the error of a job, which
     * the next call makes again. Throws only `invalid_input`, for a `forMs` that is not from 0 to a day.
     */
    runJobs(options?: { forMs?: number }): Promise<readonly JobOutcome[]>;
    /** Starts the background jobs of a process that runs on; `runJobs` says which. */
    startJobs(): RunningJob;
    /** Ends live balances, which would keep a server from closing; browsers come back elsewhere. */
    endStreams(): void;
    /** Ends the connections to the database. */
    close(): Promise<void>;
  };

const REQUESTS = {
  drain: z.object({ limit: z.int().min(1).max(10_000).default(100) }),
  runJobs: z.object({ forMs: z.number().min(0).max(86_400_000).default(25_000) }),
};
/** Of ten: deliveries and /readyz go on while spends wait for each other's locks. */
const RESERVED_CONNECTIONS = 2;

/**
 * Wires the parts together; `http/parts.ts` makes what only routes need. Connects on first use. Throws
 * `invalid_configuration`, which names each fault.
 */
export function createFlorin(options: FlorinOptions): Florin {
  const given = checkFlorinOptions(options);
  const { catalog, logger = silentLogger, development = false, onAlert } = given;
  const config = given.config ?? parseConfig(given.environment ?? {});
  const stripe = createStripeClient({
    secretKey: config.stripe.secretKey,
    apiBase: config.stripe.apiBase,
  });
  const { credit } = catalog;
  const db = withDecimals(
    connect({
      url: config.databaseUrl,
      logger,
      reservedConnections: RESERVED_CONNECTIONS,
    }),
    credit.decimals,
  );
  const context: Context = { db, clock: systemClock, ids: randomIds, logger };
  const webhooks: WebhookDeps = {
    ...context,
    catalog,
    stripe: createStripeLookups(stripe),
    livemode: isLiveKey(config.stripe.secretKey),
    announce: createAnnouncer(db),
  };
  const { alertUrl: url, serverKeys: secrets } = config;
  const tell =
    onAlert ?? (url === undefined ? undefined : postAlerts({ url, secrets, clock: systemClock }));
  const alerts =
    tell === undefined ? undefined : { db, logger, tell, lowBalance: catalog.lowBalance, credit };
  const spender = createSpender(db);
  const { debtLimit } = catalog;
  const ledger = createLedger(db, logger, { debtLimit, spender, credit });
  const background = { client: stripe, alerts };
  const due = (jobs?: { forMs?: number }) => runJobs(webhooks, background, jobs);
  const charges = createCharges({ db, card: catalog.usage, debtLimit, spender });
  const app = createApp({
    ...context,
    config,
    catalog,
    webhooks,
    reserved: db.reserved,
    stripe,
    development,
    spender,
    charges,
    runJobs: due,
  });
  return {
    ...withCredits(credit, { ...ledger, ...charges }),
    fetch: async (request, ...platform) => app.fetch(request, ...platform),
    fetchMetrics: app.fetchMetrics,
    async drain(limit) {
      await drainInbox(webhooks, check(REQUESTS.drain, { limit }));
    },
    runJobs: async (jobs = {}) => due(check(REQUESTS.runJobs, jobs)),
    startJobs: () => startJobs(webhooks, background),
    endStreams: () => app.close(),
    close: () => db.close(),
  };
}
