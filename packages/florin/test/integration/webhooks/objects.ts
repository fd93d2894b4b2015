/** Stripe objects and events for tests, in the shape of an old or a new API version. */
export type Shape = 'old' | 'new';

export type Json = Record<string, unknown>;

export const ACCOUNT = '6f1d3f52-0c1b-4d51-9a3e-6f3f4f0f7a01';
export const OTHER_ACCOUNT = '0b7a6a90-54a1-4a3c-8b0f-2f5a1c9de002';

const VERSION: Record<Shape, string> = { old: '2020-03-02', new: '2026-10-28.endive' };

let counter = 0;

/** An event about `object`; `at` is when it happened, in seconds after a fixed moment. */
export function event(
  type: string,
  object: Json,
  more: { at?: number; id?: string; shape?: Shape; livemode?: boolean; account?: string } = {},
): Json {
  counter += 1;
  return {
    id: more.id ?? `evt_${counter}_${Math.random().toString(36).slice(2)}`,
    object: 'event',
    api_version: VERSION[more.shape ?? 'new'],
    created: 1_790_000_000 + (more.at ?? 0),
    type,
    livemode: more.livemode ?? false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    ...(more.account === undefined ? {} : { account: more.account }),
    data: { object },
  };
}

export function session(more: Json = {}): Json {
  return {
    id: 'cs_1',
    object: 'checkout.session',
    mode: 'payment',
    status: 'complete',
    payment_status: 'paid',
    amount_total: 500,
    currency: 'usd',
    customer: 'cus_1',
    client_reference_id: ACCOUNT,
    metadata: {},
    payment_intent: 'pi_1',
    invoice: null,
    subscription: null,
    ...more,
  };
}

export function withLines(lines: readonly Json[]): Json {
  return { line_items: { object: 'list', data: lines, has_more: false } };
}

export function sessionLine(priceId: string, more: Json = {}): Json {
  return {
    id: 'li_1',
    object: 'item',
    amount_subtotal: 500,
    amount_total: 500,
    amount_discount: 0,
    currency: 'usd',
    quantity: 1,
    description: priceId,
    price: { id: priceId, object: 'price', lookup_key: null, unit_amount: 500 },
    ...more,
  };
}

/** A pack of 50 credits, paid for: each call is another purchase. */
export function purchase(more: Json = {}): Json {
  counter += 1;
  const ids = { id: `cs_p${counter}`, payment_intent: `pi_p${counter}`, customer: null };
  const lines = withLines([sessionLine('price_QUICK_SCAN')]);
  return event('checkout.session.completed', session({ ...ids, ...lines, ...more }));
}

export type LineInput = {
  id?: string;
  priceId: string | null;
  amount?: number;
  unitAmount?: number;
  quantity?: number;
  proration?: boolean;
  discount?: number;
  subscription?: string | null;
  period?: { start: number; end: number };
};

const PERIOD = { start: 1_790_000_000, end: 1_792_592_000 };

export function invoiceLine(input: LineInput, shape: Shape): Json {
  const amount = input.amount ?? 1000;
  const subscription = input.subscription === undefined ? 'sub_1' : input.subscription;
  const base = {
    id: input.id ?? 'il_1',
    object: 'line_item',
    amount,
    currency: 'usd',
    description: input.priceId,
    discount_amounts:
      input.discount === undefined ? [] : [{ amount: input.discount, discount: 'di_1' }],
    period: input.period ?? PERIOD,
    quantity: input.quantity ?? 1,
  };
  if (shape === 'old') {
    return {
      ...base,
      type: subscription === null ? 'invoiceitem' : 'subscription',
      proration: input.proration ?? false,
      subscription,
      price:
        input.priceId === null
          ? null
          : {
              id: input.priceId,
              object: 'price',
              lookup_key: null,
              unit_amount: input.unitAmount ?? amount,
              type: subscription === null ? 'one_time' : 'recurring',
            },
    };
  }
  const details = { proration: input.proration ?? false, subscription };
  return {
    ...base,
    pricing:
      input.priceId === null
        ? null
        : {
            type: 'price_details',
            unit_amount_decimal: String(amount),
            price_details: { price: input.priceId, product: 'prod_1' },
          },
    parent:
      subscription === null
        ? { type: 'invoice_item_details', invoice_item_details: { ...details } }
        : { type: 'subscription_item_details', subscription_item_details: { ...details } },
  };
}

export function invoice(lines: readonly LineInput[], shape: Shape, more: Json = {}): Json {
  const total = lines.reduce((sum, line) => sum + (line.amount ?? 1000) - (line.discount ?? 0), 0);
  const subscription = 'subscription' in more ? more['subscription'] : 'sub_1';
  const { subscription: _ours, payment_intent: intent, metadataOfSubscription, ...rest } = more;
  const paymentIntent = intent === undefined ? 'pi_1' : intent;
  const shaped =
    shape === 'old'
      ? { subscription, payment_intent: paymentIntent, charge: null, paid: true }
      : {
          parent:
            subscription === null
              ? null
              : {
                  type: 'subscription_details',
                  subscription_details: { subscription, metadata: metadataOfSubscription ?? {} },
                },
        };
  return {
    id: 'in_1',
    object: 'invoice',
    status: 'paid',
    billing_reason: 'subscription_create',
    amount_paid: total,
    amount_due: total,
    total,
    starting_balance: 0,
    ending_balance: 0,
    currency: 'usd',
    customer: 'cus_1',
    metadata: {},
    lines: {
      object: 'list',
      data: lines.map((line) => invoiceLine(line, shape)),
      has_more: false,
    },
    ...shaped,
    ...rest,
  };
}

export function invoicePayment(more: Json = {}): Json {
  return {
    id: 'inpay_1',
    object: 'invoice_payment',
    invoice: 'in_1',
    amount_paid: 1000,
    payment: { type: 'payment_intent', payment_intent: 'pi_1' },
    status: 'paid',
    ...more,
  };
}

export function charge(refunded: number, more: Json = {}): Json {
  return {
    id: 'ch_1',
    object: 'charge',
    amount: 500,
    amount_captured: 500,
    amount_refunded: refunded,
    currency: 'usd',
    customer: 'cus_1',
    payment_intent: 'pi_1',
    refunded: refunded === 500,
    ...more,
  };
}

export function refund(id: string, amount: number, status: string, more: Json = {}): Json {
  return {
    id,
    object: 'refund',
    amount,
    currency: 'usd',
    charge: 'ch_1',
    payment_intent: 'pi_1',
    status,
    reason: null,
    ...more,
  };
}

export function fraudWarning(actionable = true, more: Json = {}): Json {
  return {
    id: 'issfr_1',
    object: 'radar.early_fraud_warning',
    actionable,
    charge: 'ch_1',
    payment_intent: 'pi_1',
    fraud_type: 'made_with_stolen_card',
    created: 1_790_000_005,
    ...more,
  };
}

/** A credit note on a paid invoice; its money went to the customer's balance unless `more` says else. */
export function creditNote(amount: number, status = 'issued', more: Json = {}): Json {
  return {
    id: 'cn_1',
    object: 'credit_note',
    amount,
    post_payment_amount: amount,
    out_of_band_amount: 0,
    currency: 'usd',
    customer: 'cus_1',
    customer_balance_transaction: 'cbtxn_1',
    invoice: 'in_1',
    refund: null,
    refunds: [],
    status,
    type: 'post_payment',
    ...more,
  };
}

export function dispute(status: string, amount = 500, more: Json = {}): Json {
  return {
    id: 'dp_1',
    object: 'dispute',
    amount,
    currency: 'usd',
    charge: 'ch_1',
    payment_intent: 'pi_1',
    status,
    reason: 'fraudulent',
    balance_transactions: [],
    ...more,
  };
}

export function subscription(status: string, more: Json = {}): Json {
  return {
    id: 'sub_1',
    object: 'subscription',
    customer: 'cus_1',
    status,
    metadata: {},
    cancel_at_period_end: false,
    ended_at: null,
    trial_start: null,
    trial_end: null,
    items: {
      object: 'list',
      data: [
        {
          id: 'si_1',
          quantity: 1,
          current_period_end: PERIOD.end,
          price: { id: 'price_BASIC_MONTHLY', lookup_key: null, unit_amount: 1000 },
        },
      ],
      has_more: false,
    },
    ...more,
  };
}
