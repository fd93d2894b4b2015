import { FlorinError } from '../kernel/index.ts';
import { toStripeFlorinError } from '../stripe/index.ts';
import { previewEvent, webhookEventTypes } from '../webhooks/index.ts';
import { knownEvents, plannedKeys } from './books.ts';
import type { ReconcileDeps } from './deps.ts';
import type { Finding, FindingKind } from './finding.ts';
import { findInBooks, findUnpaid } from './ledger-side.ts';
import { findInOldBooks } from './old-books.ts';
import { repairAll, subjectOf } from './repair.ts';
import { acceptAccount, identifyAccount, type StripeAccount } from './stripe-account.ts';
import {
  paidInvoicesOf,
  paidStandingOf,
  readStripeSide,
  type StripeSide,
  type Told,
} from './stripe-side.ts';
import { findUnmatchedReturns } from './unmatched-returns.ts';

export type ReconcileOptions = {
  /** How far back; Stripe keeps events for 30 days. */
  readonly sinceDays?: number;
  /**
   * What is younger may still be on its way and is left out. Default: nothing is, not even what a
   * clock ahead of ours (a sandbox's that was moved) dates later than now.
   */
  readonly graceSeconds?: number;
  readonly repair?: boolean;
  /**
   * True: billing and the ledger are compared for the accounts that were paid for in `sinceDays`
   * only, so that the cost follows the window. Default: all of their history.
   */
  readonly windowOnly?: boolean;
  /** The account of the secret key is the right one from now on, whichever it was before. */
  readonly acceptAccount?: boolean;
};

export type ReconcileReport = {
  readonly findings: readonly Finding[];
  /** Subjects of findings that `repair` mended. */
  readonly repaired: readonly string[];
  /** What is still wrong: equal to `findings` without `repair`. */
  readonly remaining: readonly Finding[];
  /** Of those, what `repair` tried to mend and could not, and why. */
  readonly failures: readonly RepairFailure[];
};

export type RepairFailure = { readonly subject: string; readonly reason: string };

const DAY_SECONDS = 86_400;

/**
 * Compares Stripe with billing and the ledger. Without `repair` it writes nothing. With it, what is
 * missing goes through the webhook's own path, then the ledger is brought to what billing says;
 * repeating it changes nothing more. Throws `stripe_unavailable` rather than report half a truth, and
 * `stripe_account_changed` when the key is of another account than the books, or may be: with it,
 * every purchase would look unpaid.
 */
export async function reconcile(
  deps: ReconcileDeps,
  options: ReconcileOptions = {},
): Promise<ReconcileReport> {
  const account = await identifyAccount(deps, options.acceptAccount === true);
  const now = Math.floor(deps.clock.now().getTime() / 1000);
  const sinceDays = options.sinceDays ?? 30;
  const window = {
    since: now - sinceDays * DAY_SECONDS,
    until: options.graceSeconds === undefined ? null : now - options.graceSeconds,
    livemode: deps.livemode,
    now,
  };
  const side = await readStripeSide(deps.client, webhookEventTypes(), window).catch((error) => {
    throw toStripeFlorinError(error);
  });
  const bookDays = options.windowOnly === true ? sinceDays : null;
  const scope = { account, side, sinceDays, bookDays, now };
  const { credit } = deps.catalog;
  const { findings, proven } = await findAll(deps, scope);
  if (proven && !account.accepted && account.id !== null) {
    await acceptAccount(deps.db, { id: account.id, livemode: deps.livemode, replace: false });
  }
  if (options.repair !== true || findings.length === 0) {
    return { findings, repaired: [], remaining: findings, failures: [] };
  }
  if (!proven) {
    throw new FlorinError(
      'stripe_account_changed',
      'Stripe knows none of the purchases in these books, so STRIPE_SECRET_KEY may be of another account. Nothing was changed. Set the right key, or, if it is right, run florin reconcile --accept-account --repair.',
    );
  }
  const reasons = new Map<string, string>();
  await repairAll(deps, { findings, reasons });
  // Events move the books, so what they left is corrected after them.
  const inBooks = await findInBooks(deps.db, { days: scope.bookDays, paid: side.paid, credit });
  await repairAll(deps, { findings: inBooks, reasons });
  const after = await findAll(deps, scope);
  // An event that was missing and could not be processed is in the inbox now: no longer missing, and not done.
  const unfinished = findings.filter(
    ({ kind, subject }) => kind === 'undelivered_event' && reasons.has(subject),
  );
  const remaining = [
    ...new Map([...after.findings, ...unfinished].map((one) => [one.subject, one])).values(),
  ];
  const left = new Set(remaining.map(({ subject }) => subject));
  return {
    findings,
    remaining,
    repaired: findings.map(({ subject }) => subject).filter((one) => !left.has(one)),
    failures: [...reasons]
      .filter(([subject]) => left.has(subject))
      .map(([subject, reason]) => ({ subject, reason })),
  };
}

type Scope = {
  readonly account: StripeAccount;
  readonly side: StripeSide;
  readonly sinceDays: number;
  readonly bookDays: number | null;
  /** Seconds since 1970. */
  readonly now: number;
};

async function findAll(
  deps: ReconcileDeps,
  { account, side, sinceDays, bookDays, now }: Scope,
): Promise<{ findings: Finding[]; proven: boolean }> {
  const { paid } = side;
  const standingOf = (id: string) =>
    paidStandingOf(deps.client, id).catch((error) => {
      throw toStripeFlorinError(error);
    });
  const invoicesOf = (id: string) =>
    paidInvoicesOf(deps.client, id, { livemode: deps.livemode, now }).catch((error) => {
      throw toStripeFlorinError(error);
    });
  const { credit } = deps.catalog;
  const unpaid = await findUnpaid(deps.db, { days: sinceDays, paid, account, credit, standingOf });
  const ofOldBooks = await findInOldBooks(deps, { days: bookDays, invoicesOf });
  const found = [
    ...(await findUndelivered(deps, side.events)),
    ...(await findUnwritten(deps, side.objects)),
    ...unpaid.findings,
    ...ofOldBooks,
    ...(await findUnmatchedReturns(deps, { days: sinceDays, known: ofOldBooks })),
    ...(await findInBooks(deps.db, { days: bookDays, paid, credit })),
  ];
  const findings = [...new Map(found.map((finding) => [finding.subject, finding])).values()];
  return { findings, proven: unpaid.proven };
}

async function findUndelivered(deps: ReconcileDeps, events: readonly Told[]): Promise<Finding[]> {
  const ids = events.map(({ event }) => event.id);
  const known = await knownEvents(deps.db, ids);
  return events
    .filter(({ event }) => !known.has(event.id))
    .map(({ objectId, ...told }) => ({
      kind: 'undelivered_event',
      subject: subjectOf(told.event.id),
      accountId: null,
      ids: { eventId: told.event.id, type: told.event.type, objectId },
      credits: null,
      explanation: `Stripe has ${told.event.type} of ${objectId}, and it never reached the inbox.`,
      remedy: 'Process the event as if it were delivered now.',
      repair: { by: 'event', event: told },
    }));
}

/** What each object would still bring about if its event came now: nothing, once all of it is written. */
async function findUnwritten(deps: ReconcileDeps, objects: readonly Told[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const told of objects) {
    const plan = await previewEvent(deps, told.event);
    if (plan === undefined) {
      continue;
    }
    const about = { ids: { objectId: told.objectId }, accountId: plan.accountId };
    const repair = { by: 'event', event: told } as const;
    if (plan.obstacle !== null) {
      if (plan.obstacle.code === 'stripe_unavailable') {
        throw new FlorinError('stripe_unavailable', plan.obstacle.message);
      }
      findings.push({
        ...about,
        kind: 'paid_not_credited',
        subject: `object:${told.objectId}`,
        credits: null,
        explanation: plan.obstacle.message,
        remedy: 'Try it again; while its cause stands it stays as it is.',
        repair,
      });
    }
    const commands = plan.commands.map((command) => ({
      ...command,
      grantKey: 'grantKey' in command ? command.grantKey : command.key,
    }));
    // Of a part that the job has still to grant, nothing is missing and nothing is left to take.
    const planned = await plannedKeys(
      deps.db,
      commands.map(({ grantKey }) => grantKey),
    );
    for (const command of commands.filter(({ grantKey }) => !planned.has(grantKey))) {
      const { grantKey } = command;
      const [kind, what, sign] = MEANINGS[command.do];
      findings.push({
        ids: { objectId: told.objectId, grantKey },
        accountId: command.accountId,
        kind,
        subject: `${command.do}:${grantKey}`,
        credits: sign * command.amount,
        explanation: `${told.objectId} ${what}: ${deps.catalog.credit.text(command.amount)} credits (${grantKey}).`,
        remedy: `Process ${told.objectId} as the webhook would.`,
        repair,
      });
    }
  }
  return findings;
}

const MEANINGS: Record<
  'issue' | 'rollover' | 'reverse' | 'restore',
  readonly [FindingKind, string, 1 | -1]
> = {
  issue: ['paid_not_credited', 'is paid and not credited', 1],
  rollover: ['paid_not_credited', 'is paid and its rollover was not carried', 1],
  reverse: ['credited_not_paid', 'went back and its credits were not taken', -1],
  restore: ['orphan_reversal', 'did not go back and its credits were taken', 1],
};
