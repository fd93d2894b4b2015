import type { Command } from './command.ts';
import { creditsBack, type MoneyBack, moneyBack } from './money-back.ts';
import { notOver } from './period.ts';
import type { PaymentState, Purchase } from './state.ts';

export type ConvergeContext = {
  readonly now: Date;
  /** Seconds since 1970 when a purchase's subscription ended; null while it lives. */
  readonly endedAt: (subscriptionId: string | null) => number | null;
  /** What is written beside each movement: which event brought it, or which job. */
  readonly eventId: string | null;
  /** Credits that returns take of purchases, by their keys. */
  readonly taken?: ReadonlyMap<string, number>;
};

export type Converged = {
  readonly state: PaymentState;
  readonly commands: readonly Command[];
  /** When the next part of a dripped price becomes due, in seconds; null when none is left. */
  readonly nextDueAt: number | null;
};

/**
 * Brings the ledger to what the payment's state says: grants what is due, then takes back or gives
 * back so that of each grant exactly that is reversed whose money is back: by its share of
 * refunds and disputes, and by the lines of later invoices that credit it. Pure; run again on
 * its own result it does nothing.
 */
export function converge(state: PaymentState, context: ConvergeContext): Converged {
  const money = moneyBack(state);
  const back = takenBack(Object.values(state.purchases), money);
  const purchases: Record<string, Purchase> = {};
  const commands: Command[] = [];
  for (const key of Object.keys(state.purchases).sort()) {
    const purchase = state.purchases[key];
    if (purchase !== undefined) {
      const step = { purchase, back: back.get(key) ?? 0, money, context, state };
      const moved = convergePurchase(step);
      purchases[key] = moved.purchase;
      commands.push(...moved.commands);
    }
  }
  return { state: { ...state, purchases }, commands, nextDueAt: nextDue(purchases, money) };
}

/**
 * The credits of each purchase, by its key, whose money is back. Of a line that is granted by the month the share
 * is rounded once, over all its months.
 */
function takenBack(purchases: readonly Purchase[], money: MoneyBack): ReadonlyMap<string, number> {
  const back = new Map<string, number>();
  const creditsOfLine = new Map<string, number>();
  const inOrder = purchases.toSorted(
    (a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0) || (a.key < b.key ? -1 : 1),
  );
  // What is carried over was paid for in an earlier period: this payment's refund does not touch it.
  for (const { key, line, credits } of inOrder.filter((one) => one.rollsOverFrom === null)) {
    const before = creditsOfLine.get(line?.id ?? key) ?? 0;
    back.set(key, creditsBack(before + credits, money) - creditsBack(before, money));
    creditsOfLine.set(line?.id ?? key, before + credits);
  }
  return back;
}

type Step = {
  purchase: Purchase;
  /** Its credits whose money is back. */
  back: number;
  money: MoneyBack;
  context: ConvergeContext;
  state: PaymentState;
};

function convergePurchase(step: Step): { purchase: Purchase; commands: Command[] } {
  const commands: Command[] = [];
  const taken = step.context.taken?.get(step.purchase.key) ?? 0;
  const returning = taken !== (step.purchase.returned ?? 0);
  const given = returning ? { ...step.purchase, returned: taken } : step.purchase;
  const target = Math.min(given.credits, taken + step.back);
  let purchase = startDue({ ...step, purchase: given });
  if (purchase.standing === 'issued' && step.purchase.standing !== 'issued') {
    commands.push(issueCommand(purchase, step.context));
  }
  if (purchase.standing !== 'issued' || purchase.rollsOverFrom !== null) {
    return { purchase, commands };
  }
  if (target !== purchase.reversed) {
    const taking = target > purchase.reversed;
    const number = purchase.steps + 1;
    commands.push({
      do: taking ? 'reverse' : 'restore',
      cause: 'payment',
      accountId: purchase.accountId,
      amount: Math.abs(target - purchase.reversed),
      key: `${purchase.key}:${taking ? 'reversal' : 'restoration'}:${number}`,
      grantKey: purchase.key,
      metadata: withEvent(
        {
          ...purchase.metadata,
          reason: returning ? `return_${nameOf(purchase)}` : backReason(step, purchase),
        },
        step.context,
      ),
    });
    purchase = { ...purchase, reversed: target, steps: number };
  }
  return { purchase, commands };
}

function issueCommand(purchase: Purchase, context: ConvergeContext): Command {
  const issue = {
    accountId: purchase.accountId,
    amount: purchase.credits,
    cause: 'payment' as const,
    key: purchase.key,
    purchaseKey: purchase.key,
    source: purchase.source,
    priority: purchase.priority,
    expiresAt: purchase.expiresAt,
    metadata: withEvent(purchase.metadata, context),
  };
  return purchase.rollsOverFrom === null
    ? { do: 'issue', ...issue }
    : { do: 'rollover', ...issue, periodEnd: purchase.rollsOverFrom };
}

/** A planned purchase becomes issued when it is due; a drip stops with its subscription. */
function startDue({ purchase, money, context }: Step): Purchase {
  if (purchase.standing !== 'planned') {
    return purchase;
  }
  if (purchase.dueAt === null) {
    return { ...purchase, standing: 'issued' };
  }
  const { dueAt, expiresAt } = purchase;
  const endedAt = context.endedAt(purchase.subscriptionId);
  if (endedAt !== null && dueAt >= endedAt) {
    return { ...purchase, standing: 'stopped' };
  }
  const due = dueAt * 1000 <= context.now.getTime();
  const left = (purchase.returned ?? 0) < purchase.credits;
  return due && left && !allBack(money)
    ? { ...purchase, standing: 'issued', expiresAt: expiryFrom(dueAt, expiresAt, context.now) }
    : purchase;
}

/** Of a part that comes late, after a dispute or an outage perhaps: where it would be over, as long from now. */
function expiryFrom(dueAt: number, expiresAt: string | null, now: Date): string | null {
  return expiresAt === null
    ? null
    : notOver({ from: dueAt * 1000, to: Date.parse(expiresAt) }, now).toISOString();
}

function allBack(money: MoneyBack): boolean {
  return money.back > 0 && money.back >= money.paid;
}

function nextDue(purchases: Record<string, Purchase>, money: MoneyBack): number | null {
  if (allBack(money)) {
    return null;
  }
  const times = Object.values(purchases)
    .filter(({ standing, returned = 0, credits }) => standing === 'planned' && returned < credits)
    .map((purchase) => purchase.dueAt)
    .filter((dueAt) => dueAt !== null);
  return times.length === 0 ? null : Math.min(...times);
}

/** Why credits move back: what holds the money now, else whatever spoke of this payment. */
function backReason(step: Step, purchase: Purchase): string {
  return `${causeOf(step)}_${nameOf(purchase)}`;
}

function nameOf(purchase: Purchase): string {
  return purchase.metadata['reason'] ?? 'purchase';
}

function causeOf({ money, state }: Step): 'dispute' | 'fraud_warning' | 'refund' {
  const refunded = Object.keys(state.refunds).length + refundedCharges(state) > 0;
  if (Object.keys(state.disputes).length > 0 && (money.disputed > 0 || !refunded)) {
    return 'dispute';
  }
  const warned = Object.keys(state.warnings ?? {}).length > 0;
  return warned && (money.frozen > 0 || !refunded) ? 'fraud_warning' : 'refund';
}

function refundedCharges(state: PaymentState): number {
  return Object.values(state.charges).filter((charge) => charge.refunded > 0).length;
}

function withEvent(
  metadata: Purchase['metadata'] | Record<string, string>,
  context: ConvergeContext,
) {
  return context.eventId === null
    ? { ...metadata }
    : { ...metadata, stripe_event_id: context.eventId };
}
