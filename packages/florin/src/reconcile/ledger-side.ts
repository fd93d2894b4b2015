import type { Credit } from '../credit/index.ts';
import type { Executor } from '../db/index.ts';
import { type BrokenInvariant, verifyLedger } from '../ledger/index.ts';
import {
  type BookDays,
  type BookedPurchase,
  creditedPurchases,
  differingPurchases,
  isTakenBackUnpaid,
  movedAccounts,
  type UnexplainedGrant,
  unexplainedGrants,
} from './books.ts';
import type { Finding, FindingKind, Repair } from './finding.ts';
import type { StripeAccount } from './stripe-account.ts';
import type { PaidStanding } from './stripe-side.ts';

/**
 * Billing's purchases against the ledger's grants, and the ledger's own proof: of all time, or of the
 * accounts that were paid for in the last `days`. `paid` are the sessions and invoices that Stripe
 * calls paid: what was taken back because it was not stays taken back only while that is so.
 */
export async function findInBooks(
  db: Executor,
  { days, paid, credit }: { days: BookDays; paid: ReadonlySet<string>; credit: Credit },
): Promise<Finding[]> {
  const differing: BookedPurchase[] = [];
  for (const purchase of await differingPurchases(db, days)) {
    if (paid.has(purchase.paidObjectId) || !(await isTakenBackUnpaid(db, purchase))) {
      differing.push(purchase);
    }
  }
  const unexplained = await unexplainedGrants(db, days);
  const broken = days === null ? await verifyLedger(db) : await verifyMoved(db, days);
  return [
    ...differing.map((purchase) => ofPurchase(purchase, credit)),
    ...unexplained.map((grant) => ofGrant(grant, credit)),
    ...broken.map(
      (row): Finding => ({
        kind: 'drift',
        subject: `drift:${row.accountId}:${row.invariant}:${row.detail}`,
        accountId: row.accountId,
        ids: { invariant: row.invariant },
        credits: null,
        explanation: `The ledger breaks its rule ${row.invariant}: ${row.detail}`,
        remedy: 'Nothing: rows were changed past the functions. See docs/operations.md.',
        repair: null,
      }),
    ),
  ];
}

/** One account after the other: the service's connections are for its callers. */
async function verifyMoved(db: Executor, days: number): Promise<BrokenInvariant[]> {
  const broken: BrokenInvariant[] = [];
  for (const accountId of await movedAccounts(db, days)) {
    broken.push(...(await verifyLedger(db, accountId)));
  }
  return broken;
}

/**
 * Purchases of the last `days` that hold credits for a session or invoice which Stripe does not know,
 * or does not call paid: a forged event, or one of another Stripe account. Stripe is asked only about
 * what `paid` does not name, one object once. `proven` is false when nothing shows that the key is of
 * the books' own account: it was not accepted before, and Stripe knows none of the purchases.
 */
export async function findUnpaid(
  db: Executor,
  input: {
    days: number;
    paid: ReadonlySet<string>;
    account: StripeAccount;
    credit: Credit;
    standingOf: (objectId: string) => Promise<PaidStanding>;
  },
): Promise<{ readonly findings: Finding[]; readonly proven: boolean }> {
  const { credit } = input;
  const findings: Finding[] = [];
  const asked = new Map<string, PaidStanding>();
  for (const purchase of await creditedPurchases(db, {
    days: input.days,
    since: input.account.since,
  })) {
    const objectId = purchase.paidObjectId;
    const standing = input.paid.has(objectId)
      ? 'paid'
      : (asked.get(objectId) ?? (await input.standingOf(objectId)));
    asked.set(objectId, standing);
    const { accountId, purchaseKey, grantId, granted, takenBack, metadata } = purchase;
    const left = granted - takenBack;
    if (standing !== 'paid') {
      findings.push({
        kind: 'credited_not_paid',
        subject: `unpaid:${purchaseKey}`,
        accountId,
        ids: { purchaseKey, objectId, ...(grantId === null ? {} : { grantId }) },
        credits: -left,
        explanation: `${purchaseKey} holds ${credit.text(left)} credits, and Stripe ${standing === 'unknown' ? `does not know ${objectId}` : `says that ${objectId} is not paid`}.`,
        remedy: `Take back ${credit.text(left)} credits. If you do not know why, change the endpoint's secret.`,
        repair:
          grantId === null
            ? null
            : {
                by: 'command',
                command: {
                  do: 'reverse',
                  cause: 'unpaid',
                  accountId,
                  amount: left,
                  key: `${purchaseKey}:unpaid:${takenBack}`,
                  grantKey: purchaseKey,
                  metadata: { ...metadata, reason: 'reconcile_unpaid' },
                },
              },
      });
    }
  }
  const standings = [...asked.values()];
  const proven =
    input.account.accepted ||
    standings.length === 0 ||
    standings.some((standing) => standing !== 'unknown');
  return { findings, proven };
}

function ofPurchase(purchase: BookedPurchase, credit: Credit): Finding {
  const { purchaseKey, accountId, granted, takenBack, credits, reversed } = purchase;
  const rollover = purchase.source === 'rollover';
  const missing = (rollover ? credits : credits - reversed) - (granted - takenBack);
  const subject = `purchase:${purchaseKey}`;
  return {
    kind: kindOf(purchase, missing),
    subject,
    accountId,
    ids: { purchaseKey, ...(purchase.grantId === null ? {} : { grantId: purchase.grantId }) },
    credits: missing,
    explanation: `${purchaseKey} earned ${credit.text(credits)} credits, of which ${credit.text(reversed)} went back; the ledger gave ${credit.text(granted)} and took back ${credit.text(takenBack)}.`,
    remedy:
      missing > 0
        ? `Give ${credit.text(missing)} credits.`
        : `Take back ${credit.text(-missing)} credits.`,
    repair: repairOf(purchase, missing),
  };
}

function kindOf({ grants, granted, credits }: BookedPurchase, missing: number): FindingKind {
  if (grants === 0) {
    return 'paid_not_credited';
  }
  if (granted !== credits) {
    return 'wrong_amount';
  }
  return missing > 0 ? 'orphan_reversal' : 'credited_not_paid';
}

function repairOf(purchase: BookedPurchase, missing: number): Repair | null {
  const { accountId, grantId, purchaseKey, granted, takenBack, credits } = purchase;
  // The state that is corrected names the correction: repeating it is one movement.
  const part = {
    cause: 'correction',
    accountId,
    amount: Math.abs(missing),
    key: `${purchaseKey}:correction:${granted}:${takenBack}:${purchase.reversed}`,
    grantKey: purchaseKey,
    metadata: { ...purchase.metadata, reason: 'reconcile' },
  } as const;
  if (missing < 0) {
    return grantId === null ? null : { by: 'command', command: { do: 'reverse', ...part } };
  }
  if (grantId !== null && granted >= credits && takenBack >= missing) {
    return { by: 'command', command: { do: 'restore', ...part } };
  }
  return {
    by: 'command',
    command: {
      do: 'issue',
      cause: 'correction',
      accountId,
      amount: missing,
      key: grantId === null ? purchaseKey : `${purchaseKey}:correction`,
      purchaseKey,
      source: purchase.source,
      priority: purchase.priority,
      expiresAt: purchase.expiresAt?.toISOString() ?? null,
      metadata: purchase.metadata,
    },
  };
}

function ofGrant(grant: UnexplainedGrant, credit: Credit): Finding {
  const { accountId, grantId, idempotencyKey, left, paymentId } = grant;
  return {
    kind: 'credited_not_paid',
    subject: `grant:${grantId}`,
    accountId,
    ids: { grantId, idempotencyKey, ...(paymentId === null ? {} : { paymentId }) },
    credits: -left,
    explanation: grant.booked
      ? `${idempotencyKey} grants for payment ${paymentId} a second time.`
      : `${idempotencyKey} grants for a payment that billing does not know.`,
    remedy: `Take back ${credit.text(left)} credits.`,
    repair: {
      by: 'command',
      command: {
        do: 'reverse',
        cause: 'correction',
        accountId,
        amount: left,
        key: `florin:grant:${grantId}:correction`,
        grantKey: idempotencyKey,
        metadata: {},
      },
    },
  };
}
