import type { Executor, Row } from '../db/index.ts';

/** What an operator needs to know of an account's auto top-up when its owner asks about a charge. */
export type AccountTopUps = {
  /** Null when the account never agreed to it. */
  readonly consent: {
    readonly status: string;
    readonly pauseReason: string | null;
    readonly priceId: string;
    readonly credits: number;
    readonly amountMinor: number;
    readonly currency: string;
    readonly threshold: number;
    readonly maxPerMonth: number;
    readonly paymentMethod: string | null;
    /** A declined card, or a full month: nothing is charged before this; null: nothing holds it back. */
    readonly notBefore: Date | null;
    readonly consentedAt: Date;
  } | null;
  /** Newest first, at most fifty. */
  readonly topUps: readonly {
    readonly topUpId: string;
    readonly status: string;
    readonly credits: number;
    readonly amountMinor: number;
    readonly currency: string;
    readonly invoiceId: string | null;
    readonly failureCode: string | null;
    readonly failure: string | null;
    readonly createdAt: Date;
  }[];
};

const SHOWN = 50;

/** What an account has agreed to and what was bought of it. Asks Stripe nothing. */
export async function showTopUps(db: Executor, accountId: string): Promise<AccountTopUps> {
  const [consents, topUps] = await Promise.all([
    db.query<Row & NonNullable<AccountTopUps['consent']>>(
      `select status, pause_reason, price_id, credits, amount_minor, currency, threshold,
              max_per_month, payment_method_label as payment_method,
              case when not_before > clock_timestamp() then not_before end as not_before,
              consented_at
         from billing.top_up_consents where account_id = $1`,
      [accountId],
    ),
    db.query<Row & AccountTopUps['topUps'][number]>(
      `select top_up_id, status, credits, amount_minor, currency, invoice_id, failure_code, failure,
              created_at
         from billing.top_ups where account_id = $1 order by created_at desc limit $2`,
      [accountId, SHOWN],
    ),
  ]);
  return { consent: consents[0] ?? null, topUps };
}
