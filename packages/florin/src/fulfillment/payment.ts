import type { Command } from './command.ts';
import { converge } from './converge.ts';
import { moneyBack } from './money-back.ts';
import type { KnownState, PaymentWrite } from './plan.ts';
import type { PaymentState, Purchase } from './state.ts';

export type Settlement = {
  readonly payment: PaymentWrite;
  readonly commands: readonly Command[];
  /** Credits in purchases that the ledger holds, and credits taken back of them, after this. */
  readonly issued: number;
  readonly reversed: number;
};

/** Converges a payment's state and says everything there is to write about it. */
export function settlePayment(
  state: PaymentState,
  context: { known: KnownState; now: Date; eventId: string | null; accountId?: string | null },
): Settlement {
  const converged = converge(state, {
    now: context.now,
    eventId: context.eventId,
    subscriptionEndedAt: context.known.subscription?.fact?.endedAt ?? null,
  });
  const purchases = Object.values(converged.state.purchases);
  const first = purchases[0];
  return {
    commands: converged.commands,
    issued: sum(purchases, (one) => (one.standing === 'issued' ? one.credits : 0)),
    reversed: sum(purchases, (one) => one.reversed),
    payment: {
      state: converged.state,
      accountId: first?.accountId ?? context.accountId ?? null,
      subscriptionId: first?.subscriptionId ?? invoicedSubscription(state),
      status: statusOf(converged.state, purchases),
      nextDueAt: converged.nextDueAt,
    },
  };
}

/** Adds purchases that the state does not hold yet: one key is granted once, for ever. */
export function addPurchases(state: PaymentState, purchases: readonly Purchase[]): PaymentState {
  const added = purchases.filter((purchase) => state.purchases[purchase.key] === undefined);
  if (added.length === 0) {
    return state;
  }
  return {
    ...state,
    purchases: {
      ...state.purchases,
      ...Object.fromEntries(added.map((purchase) => [purchase.key, purchase])),
    },
  };
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

function sum(purchases: readonly Purchase[], of: (one: Purchase) => number): number {
  return purchases.reduce((total, purchase) => total + of(purchase), 0);
}
