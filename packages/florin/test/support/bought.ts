import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/index.ts';

/** Credits that were paid for, as a webhook's decision gives them. */
export type Bought = { readonly accountId: string; readonly key: string; readonly grantId: string };

type Buying = {
  accountId: string;
  amount: number;
  key?: string;
  source?: 'purchase' | 'subscription' | 'trial' | 'rollover';
  priority?: number;
  expiresAt?: Date | null;
};

/** Gives credits for a purchase, by what a decision about an event calls. */
export async function buyCredits(db: Database, buying: Buying): Promise<Bought> {
  const { accountId, amount, key = `florin:checkout:${randomUUID()}:line:1` } = buying;
  await carryOut(db, {
    do: 'issue',
    accountId,
    amount,
    cause: 'payment',
    key,
    purchaseKey: key,
    source: buying.source ?? 'purchase',
    priority: buying.priority ?? 0,
    expiresAt: buying.expiresAt?.toISOString() ?? null,
    metadata: {
      reason: 'power_pack_purchase',
      plan_type: 'credits',
      stripe_payment_id: `pi_${key}`,
    },
  });
  const [grant] = await db.query<{ grantId: string }>(
    'select grant_id from credits.entries where account_id = $1 and idempotency_key = $2',
    [accountId, key],
  );
  return { accountId, key, grantId: grant?.grantId ?? '' };
}

/** Takes credits back, or gives them back, as the money of their purchase goes. */
export async function moneyMoves(
  db: Database,
  move: Bought & { do: 'reverse' | 'restore'; amount: number; step: number },
): Promise<void> {
  const { accountId, key, amount, step } = move;
  await carryOut(db, {
    do: move.do,
    accountId,
    amount,
    cause: 'payment',
    key: `${key}:${move.do}:${step}`,
    grantKey: key,
    metadata: { reason: 'refund_power_pack_purchase' },
  });
}

async function carryOut(db: Database, command: Readonly<Record<string, unknown>>): Promise<void> {
  await db.query("select billing.apply_event('processed', p_commands => $1)", [
    JSON.stringify([command]),
  ]);
}
