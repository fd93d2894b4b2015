import { describe, expect, it, onTestFinished } from 'vitest';
import { PRICES, sandboxUnderTest } from '../../../stripe-sandbox/test/sandbox-under-test.ts';
import type { Database } from '../../src/db/index.ts';
import { issueGrant, listGrants, reverseGrant } from '../../src/ledger/index.ts';
import { reconcile } from '../../src/reconcile/index.ts';
import { createStripeLookups } from '../../src/stripe/index.ts';
import { webhookEventTypes } from '../../src/webhooks/index.ts';
import {
  event,
  type Json,
  session,
  sessionLine,
  withLines,
} from '../integration/webhooks/objects.ts';
import { asOwner, openShop, type Shop } from '../integration/webhooks/shop.ts';
import { withCommands } from '../support/apply-event.ts';

/** B17: 1,000 under `npm run proof`. */
const FAULTS = Number(process.env['FLORIN_PROOF_FAULTS'] ?? 50);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? 17);

const KINDS = [
  'missing',
  'undelivered',
  'double',
  'wrong amount',
  'undelivered refund',
  'orphan reversal',
  'deleted event',
  'unknown to Stripe',
] as const;
type FaultKind = (typeof KINDS)[number];

type Purchase = {
  readonly index: number;
  readonly accountId: string;
  readonly fault: FaultKind | null;
  readonly sessionId: string;
  readonly paymentIntent: string;
  /** What Stripe's money is worth in the end. */
  readonly credits: number;
};

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const accountOf = (index: number) => `33333333-0000-4000-8000-${String(index).padStart(12, '0')}`;

/** A service that writes other commands than it decided on: what a bug or a lost write would leave. */
function miswriting(db: Database, change: (commands: Json[]) => Json[]): Database {
  return {
    ...db,
    query(statement, values) {
      if (typeof statement === 'string' || statement.name !== 'billing_apply_event') {
        return db.query(statement, values);
      }
      return db.query(statement, withCommands(statement, values, change));
    },
  };
}

describe('the reconciler', () => {
  it('finds every injected fault and no other, and its repair is idempotent and ends at what Stripe says', {
    timeout: 60_000 + FAULTS * 1_000,
  }, async () => {
    const random = seeded(SEED);
    const { sandbox, stripe } = await sandboxUnderTest({ prices: PRICES });
    const clock = { now: () => new Date((sandbox.now() + 1) * 1000) };
    const shop = (await openShop()).with({ stripe: createStripeLookups(stripe), clock });
    onTestFinished(() => shop.close());
    const run = (repair = false) => reconcile({ ...shop.deps, client: stripe }, { repair });

    // Faults and as many sound purchases among them, in an order of the seed's.
    const faults: (FaultKind | null)[] = Array.from({ length: FAULTS * 2 }, (_, index) =>
      index < FAULTS ? (KINDS[index % KINDS.length] ?? null) : null,
    );
    const shuffled = faults
      .map((fault) => ({ fault, place: random() }))
      .sort((a, b) => a.place - b.place);
    const purchases: Purchase[] = [];
    for (const [index, { fault }] of shuffled.entries()) {
      purchases.push(await buy({ sandbox, stripe, shop, index, fault, random }));
    }

    const owners = await deliverAll(stripe, shop, purchases);
    for (const purchase of purchases) {
      await inject(shop, purchase);
    }

    const { findings } = await run();
    const found = new Map<string, Set<string>>();
    for (const finding of findings) {
      const accountId =
        finding.accountId ?? owners.get(finding.ids['objectId'] ?? '') ?? finding.subject;
      found.set(accountId, (found.get(accountId) ?? new Set()).add(finding.kind));
    }
    const expected = new Map(
      purchases
        .filter(({ fault }) => fault !== null)
        .map(({ accountId, fault }) => [accountId, FOUND_AS[fault as FaultKind]]),
    );
    // Every fault under its own name; on sound purchases nothing.
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [accountId, kinds] of expected) {
      expect([...(found.get(accountId) ?? [])].sort(), accountId).toEqual([...kinds].sort());
    }
    expect(expected.size).toBe(FAULTS);

    expect((await run(true)).remaining).toEqual([]);
    const settled = await entries(shop);
    expect((await run(true)).findings).toEqual([]);
    expect(await entries(shop)).toBe(settled);
    for (const { accountId, credits, fault } of purchases) {
      expect(await shop.balance(accountId), `${accountId} ${fault}`).toBe(credits);
    }
  });
});

const FOUND_AS: Record<FaultKind, readonly string[]> = {
  missing: ['paid_not_credited'],
  undelivered: ['undelivered_event', 'paid_not_credited'],
  double: ['credited_not_paid'],
  'wrong amount': ['wrong_amount'],
  'undelivered refund': ['undelivered_event', 'credited_not_paid'],
  'orphan reversal': ['orphan_reversal'],
  'deleted event': ['undelivered_event'],
  'unknown to Stripe': ['credited_not_paid'],
};

async function buy(input: {
  sandbox: Awaited<ReturnType<typeof sandboxUnderTest>>['sandbox'];
  stripe: Awaited<ReturnType<typeof sandboxUnderTest>>['stripe'];
  shop: Shop;
  index: number;
  fault: FaultKind | null;
  random: () => number;
}): Promise<Purchase> {
  const { sandbox, stripe, shop, index, fault, random } = input;
  const accountId = accountOf(index);
  const about = { index, accountId, fault };
  if (fault === 'unknown to Stripe') {
    // Signed with a secret that leaked, and about a session that Stripe never had.
    const sessionId = `cs_test_forged${index}`;
    const paymentIntent = `pi_forged${index}`;
    await shop.deliver(
      event(
        'checkout.session.completed',
        session({
          ...withLines([sessionLine('price_QUICK_SCAN')]),
          id: sessionId,
          payment_intent: paymentIntent,
          customer: null,
          client_reference_id: accountId,
        }),
      ),
    );
    return { ...about, sessionId, paymentIntent, credits: 0 };
  }
  const quantity = 1 + Math.floor(random() * 4);
  const open = await stripe.checkout.sessions.create({
    mode: 'payment',
    client_reference_id: accountId,
    line_items: [{ price: 'price_QUICK_SCAN', quantity }],
    success_url: 'http://shop.test/',
    cancel_url: 'http://shop.test/cancel',
  });
  sandbox.pay(open.id);
  const paid = await stripe.checkout.sessions.retrieve(open.id);
  const paymentIntent = String(paid.payment_intent);
  // A sound purchase in five is partly refunded, and that arrives.
  const refunded = fault === 'undelivered refund' || (fault === null && random() < 0.2);
  if (refunded) {
    await stripe.refunds.create({ payment_intent: paymentIntent, amount: 250 });
  }
  const credits = quantity * 50 - (refunded ? 25 : 0);
  return { ...about, sessionId: open.id, paymentIntent, credits };
}

/** Delivers what the faults let through; whose account each object of an event is about. */
async function deliverAll(
  stripe: Awaited<ReturnType<typeof sandboxUnderTest>>['stripe'],
  shop: Shop,
  purchases: readonly Purchase[],
): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  const wanted = new Set(webhookEventTypes());
  const bySession = new Map(purchases.map((one) => [one.sessionId, one]));
  const byPayment = new Map(purchases.map((one) => [one.paymentIntent, one]));
  const lost = shop.with({ db: miswriting(shop.deps.db, () => []) });
  const wrong = shop.with({
    db: miswriting(shop.deps.db, (commands) =>
      commands.map((one) => ({ ...one, amount: Number(one['amount']) - 7 })),
    ),
  });
  const told: { payload: Json; object: Json }[] = [];
  for await (const one of stripe.events.list({ limit: 100 })) {
    if (wanted.has(one.type)) {
      const payload = JSON.parse(JSON.stringify(one)) as Json;
      told.push({ payload, object: (payload['data'] as { object: Json }).object });
    }
  }
  for (const { payload, object } of told.reverse()) {
    const purchase =
      bySession.get(String(object['id'])) ?? byPayment.get(String(object['payment_intent']));
    owners.set(String(object['id']), purchase?.accountId ?? 'nobody');
    const isRefund = String(payload['type']) !== 'checkout.session.completed';
    const { fault } = purchase ?? { fault: null };
    if (fault === 'undelivered' || (fault === 'undelivered refund' && isRefund)) {
      continue;
    }
    const service = fault === 'missing' ? lost : fault === 'wrong amount' ? wrong : shop;
    await service.deliver(payload);
  }
  await shop.drain();
  return owners;
}

async function inject(shop: Shop, { accountId, fault, index, ...ids }: Purchase): Promise<void> {
  if (fault === 'double') {
    await issueGrant(shop.deps.db, {
      accountId,
      amount: 50,
      idempotencyKey: `again:${index}`,
      source: 'purchase',
      metadata: { stripe_payment_id: ids.paymentIntent },
    });
  } else if (fault === 'orphan reversal') {
    const [grant] = await listGrants(shop.deps.db, accountId);
    await reverseGrant(shop.deps.db, {
      accountId,
      grantId: grant?.grantId ?? '',
      amount: 11,
      idempotencyKey: `orphan:${index}`,
    });
  } else if (fault === 'deleted event') {
    await asOwner(shop.fresh, `delete from billing.events where object_id = '${ids.sessionId}'`);
  }
}

async function entries(shop: Shop): Promise<number> {
  const rows = await shop.deps.db.query<{ entries: number }>(
    'select count(*)::bigint as entries from credits.entries',
  );
  return rows[0]?.entries ?? 0;
}
