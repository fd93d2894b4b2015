import type { Executor, Row } from '../db/index.ts';
import { takenByReturns } from '../fulfillment/index.ts';
import { fromStored, type StoredState } from './stored-state.ts';

/** A line that gave money back, and credits nothing that is known here: nothing was taken for it. */
export type UnmatchedReturn = {
  readonly lineId: string;
  readonly invoiceId: string;
  readonly subscriptionId: string | null;
  readonly accountId: string | null;
  readonly amountMinor: number;
  readonly currency: string;
};

type Books = {
  readonly subscriptionId: string | null;
  readonly accountId: string | null;
  readonly states: readonly StoredState[];
};

/** Those of payments that were written in the last `days`, which are matched with all of their subscription. */
export async function listUnmatchedReturns(db: Executor, days: number): Promise<UnmatchedReturn[]> {
  const books = await db.query<Row & Books>(
    `select r.subscription_id,
            coalesce(min(w.account_id::text), min(s.account_id::text), min(c.account_id::text)) as account_id,
            jsonb_agg(w.state) as states
       from (select distinct p.subscription_id from billing.payments p
              where p.state ? 'returns' and p.subscription_id is not null
                and p.updated_at >= clock_timestamp() - make_interval(days => $1)) r
       join billing.payments w on w.subscription_id = r.subscription_id
       left join billing.subscriptions s on s.subscription_id = r.subscription_id
       left join billing.customers c on c.customer_id = s.customer_id
      group by r.subscription_id
      union all
     select null, p.account_id::text, jsonb_build_array(p.state)
       from billing.payments p
      where p.state ? 'returns' and p.subscription_id is null
        and p.updated_at >= clock_timestamp() - make_interval(days => $1)
      order by 1`,
    [days],
  );
  return books.flatMap(({ states: stored, ...whose }) => {
    const states = stored.map(fromStored);
    const { unmatched } = takenByReturns(states);
    const returns = states.flatMap((state) => Object.entries(state.returns ?? {}));
    return returns
      .filter(([lineId]) => unmatched.has(lineId))
      .map(([lineId, { invoiceId, amount: amountMinor, currency }]) => ({
        ...whose,
        lineId,
        invoiceId,
        amountMinor,
        currency,
      }));
  });
}
