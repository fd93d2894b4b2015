import type { BalanceTransaction } from '../shapes.ts';
import { newId, type World } from '../world.ts';

const DAY = 86_400;

/** What moved on the merchant's balance: `amount` is signed, the fee is kept out of it (`net`). */
export function addBalanceTransaction(
  world: World,
  move: { amount: number; currency: string; source: string; type: string; fee?: number },
): BalanceTransaction {
  const fee = move.fee ?? 0;
  return world.store.put('balance_transaction', {
    id: newId('txn'),
    object: 'balance_transaction',
    amount: move.amount,
    available_on: world.now() + 2 * DAY,
    balance_type: 'payments',
    created: world.now(),
    currency: move.currency,
    description: null,
    exchange_rate: null,
    fee,
    fee_details: [],
    net: move.amount - fee,
    reporting_category: move.type,
    source: move.source,
    status: 'pending',
    type: move.type,
  });
}

/** What the account holds: the sum of what moved, by currency; all of it pending or available at once. */
export function balanceOf(world: World): object {
  const sums = new Map<string, number>();
  for (const move of world.store.all('balance_transaction')) {
    sums.set(move.currency, (sums.get(move.currency) ?? 0) + move.net);
  }
  const amounts = [...sums].map(([currency, amount]) => ({
    amount,
    currency,
    source_types: { card: amount },
  }));
  return {
    object: 'balance',
    available: amounts,
    livemode: false,
    pending: amounts.map((one) => ({ ...one, amount: 0, source_types: { card: 0 } })),
  };
}
