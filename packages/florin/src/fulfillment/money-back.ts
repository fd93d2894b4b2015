import {
  type ChargeState,
  type CreditNoteState,
  type DisputeState,
  type PaymentState,
  type RefundState,
  refundIsOff,
} from './state.ts';

/** How much of a payment has gone back: `back` of `paid`, in minor units; 0 ≤ back ≤ paid. */
export type MoneyBack = {
  readonly back: number;
  readonly paid: number;
  /** Of `back`, what disputes hold at this moment. */
  readonly disputed: number;
  /** Of `back`, what early fraud warnings freeze. */
  readonly frozen: number;
};

/**
 * The money of a payment that is not ours any more: refunds that did not fail, disputes in force,
 * what credit notes gave back beside refunds, and charges frozen by an early fraud warning. Counted
 * per charge and never above what the charge took, so that the same money is not taken back twice by
 * a refund and a dispute.
 */
export function moneyBack(state: PaymentState): MoneyBack {
  const charges = chargesOf(state);
  const gone = new Map<string, number>();
  const lose = (currency: string, amount: number) =>
    gone.set(currency, (gone.get(currency) ?? 0) + amount);
  let disputed = 0;
  let frozen = 0;
  for (const chargeId of charges) {
    const charge = state.charges[chargeId];
    const cap = charge?.amount ?? Number.MAX_SAFE_INTEGER;
    const refunds = Object.values(state.refunds).filter(
      (refund) => chargeOf(refund.chargeId, charges) === chargeId,
    );
    const disputes = Object.values(state.disputes).filter(
      (dispute) => chargeOf(dispute.chargeId, charges) === chargeId,
    );
    const own = (charge ?? refunds[0] ?? disputes[0])?.currency ?? '';
    const [ownRefunds, otherRefunds] = byCurrency(refunds, { charge, own });
    const [ownDisputes, otherDisputes] = byCurrency(disputes, { charge, own });
    for (const one of otherRefunds) {
      lose(one.currency, refundedNet(undefined, [one]));
    }
    for (const one of otherDisputes) {
      disputed += inForce(one);
      lose(one.currency, inForce(one));
    }
    const refundedHere = Math.min(cap, refundedNet(charge, ownRefunds));
    const disputedHere = Math.min(
      cap - refundedHere,
      ownDisputes.reduce((sum, dispute) => sum + inForce(dispute), 0),
    );
    const isDisputed = disputes.some(({ status }) => !status.startsWith('warning_'));
    const frozenHere =
      !isDisputed && isFrozen(state, { chargeId, charges }) ? cap - refundedHere - disputedHere : 0;
    disputed += disputedHere;
    frozen += frozenHere;
    lose(own, refundedHere + disputedHere + frozenHere);
  }
  for (const note of Object.values(state.creditNotes)) {
    if (note.status !== 'void') {
      lose(note.currency, outsideRefunds(note, state));
    }
  }
  return { ...shareOf(state, gone), disputed, frozen };
}

/**
 * What went back in the charge's own currency, and what did not. What the buyer was shown converts the
 * one into the other; without it they are not compared.
 */
function byCurrency<T extends RefundState | DisputeState>(
  all: readonly T[],
  { charge, own }: { charge: ChargeState | undefined; own: string },
): [T[], T[]] {
  const mine: T[] = [];
  const others: T[] = [];
  for (const one of all) {
    const shown = charge?.presentment;
    if (sameCurrency(one.currency, own)) {
      mine.push(one);
    } else if (charge !== undefined && shown?.currency === one.currency && shown.amount > 0) {
      const scale = (amount: number) =>
        Number(
          (BigInt(amount) * BigInt(charge.amount) + BigInt(shown.amount) - 1n) /
            BigInt(shown.amount),
        );
      const balance = 'balance' in one && one.balance !== null ? -scale(-one.balance) : null;
      mine.push({
        ...one,
        amount: scale(one.amount),
        ...('balance' in one ? { balance } : {}),
      });
    } else {
      others.push(one);
    }
  }
  return [mine, others];
}

/** Enough parts for a share to be exact to a credit: MAX_CREDITS is below it. */
const PARTS = 10n ** 15n;

/**
 * Amounts of two currencies are never added: each counts by its share of what was paid in its own.
 * Money that went back in a currency in which nothing is known to be paid waits for its charge.
 */
function shareOf(
  state: PaymentState,
  gone: ReadonlyMap<string, number>,
): Pick<MoneyBack, 'back' | 'paid'> {
  const shares = [...gone]
    .filter(([, amount]) => amount > 0)
    .map(([currency, amount]) => {
      const paid = paidIn(state, currency);
      const known = paid > 0 || [...currenciesOf(state)].some((one) => one !== currency);
      return known ? { back: Math.min(paid, amount), paid } : { back: amount, paid: amount };
    })
    .filter(({ paid }) => paid > 0);
  const [only, ...more] = shares;
  if (only === undefined || more.length === 0) {
    const paid = [...currenciesOf(state)].map((currency) => paidIn(state, currency));
    return only ?? { back: 0, paid: Math.max(0, ...paid) };
  }
  const back = shares.reduce(
    (sum, one) => sum + (BigInt(one.back) * PARTS + BigInt(one.paid) - 1n) / BigInt(one.paid),
    0n,
  );
  return { back: Number(back > PARTS ? PARTS : back), paid: Number(PARTS) };
}

/**
 * The credits to take back in total when `back` of `paid` has gone back: the same share, rounded
 * down, so that a full refund takes all and any row of partial ones ends at the same number.
 */
export function creditsBack(credits: number, money: MoneyBack): number {
  if (money.back <= 0) {
    return 0;
  }
  if (money.back >= money.paid) {
    return credits;
  }
  return Number((BigInt(credits) * BigInt(money.back)) / BigInt(money.paid));
}

/**
 * Two sources speak about refunds: the refunds themselves, and the charge's cumulative sum. The sum
 * may include refunds that we never saw, and one that failed after the sum was written; so it counts
 * less whatever is known to have failed since, and at least the refunds that stand.
 */
function refundedNet(charge: ChargeState | undefined, refunds: readonly RefundState[]): number {
  const standing = refunds
    .filter((refund) => !refundIsOff(refund.status))
    .reduce((sum, refund) => sum + refund.amount, 0);
  if (charge === undefined) {
    return standing;
  }
  const failedSince = refunds
    .filter((refund) => refundIsOff(refund.status) && (refund.failedAt ?? 0) >= charge.asOf)
    .reduce((sum, refund) => sum + refund.amount, 0);
  return Math.max(standing, charge.refunded - failedSince);
}

/**
 * What a dispute holds of our money. Won or prevented: nothing. Else its balance transactions say
 * it; without them the last movement that an event announced, and the status. An inquiry
 * (`warning_*`) and a status that we do not know move nothing by themselves.
 */
function inForce(dispute: DisputeState): number {
  const { status, balance, movement } = dispute;
  if (status === 'won' || status === 'prevented') {
    return 0;
  }
  if (balance !== null) {
    return Math.min(dispute.amount, Math.max(0, -balance));
  }
  if (movement === 'reinstated' && !(status === 'lost' && dispute.asOf > dispute.movedAt)) {
    return 0;
  }
  return movement === 'withdrawn' || TAKES_MONEY.has(status) ? dispute.amount : 0;
}

/** Until a dispute speaks for the charge: from then on the warning says nothing more. */
function isFrozen(
  { warnings = {} }: PaymentState,
  { chargeId, charges }: { chargeId: string; charges: readonly string[] },
): boolean {
  return Object.values(warnings).some(
    (warning) => warning.actionable && chargeOf(warning.chargeId, charges) === chargeId,
  );
}

const TAKES_MONEY = new Set([
  'needs_response',
  'under_review',
  'appeal_needs_response',
  'appeal_under_review',
  'lost',
]);

function chargesOf(state: PaymentState): readonly string[] {
  const named = new Set(Object.keys(state.charges));
  for (const one of [
    ...Object.values(state.refunds),
    ...Object.values(state.disputes),
    ...Object.values(state.warnings ?? {}),
  ]) {
    if (one.chargeId !== null) {
      named.add(one.chargeId);
    }
  }
  return named.size === 0 ? [''] : [...named];
}

/** A refund or dispute that names no charge belongs to the payment's first. */
function chargeOf(chargeId: string | null, charges: readonly string[]): string {
  return chargeId ?? [...charges].sort()[0] ?? '';
}

/** What a credit note gave back beside its refund, which is known once that refund is. */
function outsideRefunds(note: CreditNoteState, { refunds }: PaymentState): number {
  const { besideRefund, outsideRefunds: said } = note;
  const refund = besideRefund == null ? undefined : refunds[besideRefund.refundId];
  return besideRefund == null || refund === undefined
    ? said
    : Math.max(said, besideRefund.amount - refund.amount);
}

/** What was paid in one currency: the largest of what charges, invoices and sessions say. */
function paidIn(state: PaymentState, currency: string): number {
  return Math.max(
    ...payingOf(state).map((source) =>
      source.reduce((sum, one) => sum + (sameCurrency(one.currency, currency) ? one.amount : 0), 0),
    ),
  );
}

function currenciesOf(state: PaymentState): Set<string> {
  const paying = payingOf(state).flat();
  return new Set(paying.filter(({ amount }) => amount > 0).map(({ currency }) => currency));
}

function payingOf(state: PaymentState): readonly (readonly Paying[])[] {
  return [
    Object.values(state.charges).flatMap(asShown),
    Object.values(state.invoices).map(({ value, currency }) => ({ amount: value, currency })),
    Object.values(state.sessions)
      .filter((session) => session.standing === 'paid')
      .flatMap(asShown),
  ];
}

/** The same money in our currency and in the one that the buyer was shown. */
function asShown(one: Paying & { readonly presentment?: Paying }): Paying[] {
  return one.presentment === undefined ? [one] : [one, one.presentment];
}

type Paying = { readonly amount: number; readonly currency: string };

/** A session may leave its currency out. */
function sameCurrency(a: string, b: string): boolean {
  return a === b || a === '' || b === '';
}
