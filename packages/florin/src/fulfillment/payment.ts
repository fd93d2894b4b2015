import type { Command } from './command.ts';
import { type Converged, converge } from './converge.ts';
import type { KnownState, PaymentWrite, RelativeWrite } from './decision.ts';
import { moneyBack } from './money-back.ts';
import { takenByReturns } from './returns.ts';
import type { PaymentState, Purchase } from './state.ts';

export type ConvergedPayment = {
  /** All that is written of it. Whose credits they are: who was credited, else nobody. */
  readonly writes: {
    readonly accountId: string | null;
    readonly payment: PaymentWrite;
    readonly relatives: readonly RelativeWrite[];
    readonly commands: readonly Command[];
  };
  /** Credits in purchases that the ledger holds, and credits taken back of them, after this. */
  readonly issued: number;
  readonly reversed: number;
  /** Credits taken back now of other payments; negative: given back. */
  readonly takenElsewhere: number;
  /** Its returning lines that credit nothing known. */
  readonly unmatched: readonly string[];
};

/**
 * Converges a payment's state and says everything there is to write about it, and about the other
 * payments of its subscription where lines of one credit lines of another.
 */
export function convergePayment(
  state: PaymentState,
  context: { known: KnownState; now: Date; eventId: string | null; accountId?: string | null },
): ConvergedPayment {
  const { now, eventId, known, accountId } = context;
  const others = known.relatives ?? [];
  const taken = takenByReturns([state, ...others.map((one) => one.state)]);
  const own = known.subscription;
  const endedAt = (subscriptionId: string | null) =>
    subscriptionId === null || subscriptionId === own?.id
      ? (own?.fact?.endedAt ?? null)
      : (known.ended?.[subscriptionId] ?? null);
  const convergeOne = (one: PaymentState) =>
    converge(one, { now, eventId, endedAt, taken: taken.of });
  const converged = convergeOne(state);
  const moved = others
    .map(({ id, state: before }) => ({ id, before, after: convergeOne(before) }))
    .filter(({ before, after }) => after.commands.length > 0 || hasMoved(before, after.state));
  const purchases = Object.values(converged.state.purchases);
  const elsewhere = moved.flatMap(({ after }) => after.commands);
  const payment = toWrite(converged, accountId ?? null);
  return {
    writes: {
      accountId: payment.accountId,
      payment,
      relatives: moved.map(({ id, after }) => ({ id, ...toWrite(after, null) })),
      commands: [...converged.commands, ...elsewhere],
    },
    issued: sum(purchases, (one) => (one.standing === 'issued' ? one.credits : 0)),
    reversed: sum(purchases, (one) => one.reversed),
    takenElsewhere: sum(elsewhere, takenBy),
    unmatched: Object.keys(state.returns ?? {}).filter((id) => taken.unmatched.has(id)),
  };
}

function toWrite({ state, nextDueAt }: Converged, accountId: string | null): PaymentWrite {
  const purchases = Object.values(state.purchases);
  const first = purchases[0];
  return {
    state,
    accountId: first?.accountId ?? accountId,
    subscriptionId: invoicedSubscription(state),
    status: statusOf(state, purchases),
    nextDueAt,
  };
}

/** Planned months that are taken or come back move no credits now, and are written all the same. */
function hasMoved(before: PaymentState, after: PaymentState): boolean {
  return Object.values(after.purchases).some(
    ({ key, returned }) => returned !== before.purchases[key]?.returned,
  );
}

function takenBy(command: Command): number {
  return command.do === 'reverse' ? command.amount : command.do === 'restore' ? -command.amount : 0;
}

/**
 * Adds purchases that the state does not hold yet: one key is granted once, for ever. `mend`: tells those
 * it holds which line they were paid by, where that was not kept when they were granted.
 */
export function addPurchases(
  state: PaymentState,
  purchases: readonly Purchase[],
  { mend = false }: { mend?: boolean } = {},
): PaymentState {
  const added = purchases.flatMap((purchase) => {
    const known = state.purchases[purchase.key];
    if (known === undefined) {
      return [purchase];
    }
    return mend && known.line === undefined && purchase.line !== undefined
      ? [{ ...known, line: lineAsGranted(purchase.line, { known, purchase }) }]
      : [];
  });
  return added.length === 0
    ? state
    : {
        ...state,
        purchases: {
          ...state.purchases,
          ...Object.fromEntries(added.map((purchase) => [purchase.key, purchase])),
        },
      };
}

/** Its credits as they were granted, whatever the catalogue says today. */
function lineAsGranted(
  line: NonNullable<Purchase['line']>,
  { known, purchase }: { known: Purchase; purchase: Purchase },
): NonNullable<Purchase['line']> {
  return { ...line, credits: Math.round((line.credits * known.credits) / purchase.credits) };
}

function statusOf(state: PaymentState, purchases: readonly Purchase[]): PaymentWrite['status'] {
  if (purchases.length > 0) {
    return 'credited';
  }
  const standings = Object.values(state.sessions).map((session) => session.standing);
  if (standings.includes('pending')) {
    return 'pending';
  }
  return standings.includes('failed') && moneyBack(state).back === 0 ? 'failed' : 'waiting';
}

function invoicedSubscription(state: PaymentState): string | null {
  return (
    Object.values(state.invoices).find((invoice) => invoice.subscriptionId !== null)
      ?.subscriptionId ?? null
  );
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
