import { OCR_AMOUNTS, OCR_CATALOG, parseCatalog } from '../../../src/catalog/index.ts';
import type {
  AdminAccount,
  AdminEvent,
  AdminHealth,
  AdminReconcileRun,
  AdminSearch,
  BalanceReport,
  CurrentPlan,
  Plan,
  PlanChangePreview,
  TopUp,
  TopUpConsent,
  TopUpState,
  Transaction,
  Usage,
} from '../../../src/contract/index.ts';
import type { Mock } from './mock-service.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ACCOUNT = '6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11';

export const PASSWORD = 'correct horse';

const TOLD: Readonly<Record<string, Partial<Plan>>> = {
  price_QUICK_SCAN: { description: 'For one stack of papers' },
  price_ENTERPRISE: { expiresAfter: 'P1Y' },
};
const AMOUNTS: Readonly<Record<string, number>> = OCR_AMOUNTS;

/** The OCR service's plans, one with a description, and one whose credits expire. */
export const PLANS: readonly Plan[] = parseCatalog(OCR_CATALOG).prices.map((price) => ({
  priceId: price.id,
  name: price.name ?? price.id,
  description: null,
  kind: price.kind,
  planType: price.planType,
  credits: price.credits,
  amountMinor: AMOUNTS[price.id] ?? null,
  currency: 'usd',
  interval: price.kind === 'recurring' ? 'month' : null,
  intervalCount: price.kind === 'recurring' ? 1 : null,
  expiresAfter: null,
  expires: null,
  perSeat: false,
  ...TOLD[price.id],
}));

export function someBalance(now: number): BalanceReport {
  return {
    posted: 312,
    held: 12,
    available: 300,
    nextExpiryAt: new Date(now + 4 * DAY).toISOString(),
    grants: [
      grant({
        grantId: 'g1',
        reason: 'basic_plan_monthly',
        amount: 100,
        remaining: 62,
        expiresAt: new Date(now + 4 * DAY).toISOString(),
      }),
      grant({
        grantId: 'g2',
        reason: 'power_pack_purchase',
        amount: 250,
        remaining: 250,
        expiresAt: null,
      }),
    ],
  };
  function grant(part: {
    grantId: string;
    reason: string;
    amount: number;
    remaining: number;
    expiresAt: string | null;
  }) {
    return {
      source: 'purchase',
      planType: null,
      effectiveAt: new Date(now - DAY).toISOString(),
      ...part,
    };
  }
}

/** What happened, in each of the last days by noon: what belongs to one day is in one at any time of day. */
export function someTransactions(now: number): readonly Transaction[] {
  const noon = now - (now % DAY) - DAY / 2;
  const make = (
    part: Partial<Transaction> & { entryNo: number; amount: number; postedAfter: number },
  ): Transaction => ({
    entryId: `e${part.entryNo}`,
    kind: part.amount > 0 ? 'grant' : 'spend',
    grantId: null,
    holdId: null,
    reason: null,
    planType: null,
    actor: null,
    feature: null,
    meter: null,
    quantity: null,
    allocations: [],
    eventId: null,
    createdAt: new Date(noon - (10 - part.entryNo) * MINUTE).toISOString(),
    ...part,
  });
  const basic = (amount: number) => [{ grantId: 'g1', amount, reason: 'basic_plan_monthly' }];
  return [
    make({ entryNo: 9, amount: -3, postedAfter: 312, reason: 'scan', allocations: basic(3) }),
    make({ entryNo: 8, amount: -12, postedAfter: 315, reason: 'scan', allocations: basic(12) }),
    make({ entryNo: 7, amount: -1, postedAfter: 327, reason: 'scan', allocations: basic(1) }),
    make({
      entryNo: 6,
      amount: 250,
      postedAfter: 328,
      reason: 'power_pack_purchase',
      grantId: 'g2',
      planType: 'credits',
    }),
    make({
      entryNo: 5,
      amount: -50,
      postedAfter: 78,
      kind: 'reversal',
      reason: 'refund_quick_scan_purchase',
      grantId: 'g0',
      createdAt: new Date(noon - 2 * DAY).toISOString(),
    }),
    make({
      entryNo: 4,
      amount: 50,
      postedAfter: 128,
      reason: 'quick_scan_purchase',
      grantId: 'g0',
      createdAt: new Date(noon - 2 * DAY - HOUR).toISOString(),
    }),
    make({
      entryNo: 3,
      amount: -22,
      postedAfter: 78,
      reason: 'scan',
      createdAt: new Date(noon - 3 * DAY).toISOString(),
      allocations: [...basic(20), { grantId: 'gx', amount: 2, reason: 'welcome' }],
    }),
    make({
      entryNo: 2,
      amount: 100,
      postedAfter: 100,
      reason: 'basic_plan_monthly',
      grantId: 'g1',
      planType: 'basic',
      createdAt: new Date(noon - 4 * DAY).toISOString(),
    }),
  ];
}

export function someUsage(now: number): Usage {
  const spent = [
    0, 4, 9, 0, 0, 14, 22, 31, 12, 3, 0, 0, 18, 25, 7, 11, 0, 0, 0, 40, 16, 8, 2, 0, 5, 9, 22, 0, 0,
    16,
  ];
  const days = spent.map((each, index) => ({
    day: new Date(now - (spent.length - 1 - index) * DAY).toISOString().slice(0, 10),
    spent: each,
    granted: index === 26 ? 100 : 0,
  }));
  return { from: days[0]?.day ?? '', to: days.at(-1)?.day ?? '', days };
}

/** What was used of what: on most days plain pages, and vision now and then. */
export function groupedUsage(now: number, url: string): object {
  const { from, to, days } = someUsage(now);
  const by = (new URL(url, 'http://mock').searchParams.get('by') ?? '').split(',');
  const perDay = days.flatMap(({ day, spent }, index) => {
    const vision = index % 3 === 1 ? Math.floor(spent / 2) : 0;
    const tokens = index % 4 === 3 && index !== 19 ? Math.floor(spent / 3) : 0;
    const plain = index === 19 ? 12 : 0;
    return [
      { day, meter: 'page', spent: spent - vision - tokens - plain, quantity: `${spent}` },
      { day, meter: 'page.vision', spent: vision, quantity: `${vision / 3}` },
      { day, meter: 'tokens', spent: tokens, quantity: `${tokens * 1_000}` },
      { day, meter: null, spent: plain, quantity: '0' },
    ].filter((group) => group.spent > 0);
  });
  const who = [
    { meter: 'page', feature: 'receipts', actor: 'ada', spent: 171, quantity: '171' },
    { meter: 'page.vision', feature: 'receipts', actor: 'grace', spent: 42, quantity: '14' },
    { meter: 'tokens', feature: 'chat', actor: null, spent: 49, quantity: '49000' },
    { meter: null, feature: null, actor: null, spent: 12, quantity: '0' },
  ];
  return by.includes('day')
    ? { from, to, by: ['day', 'meter'], groups: perDay }
    : { from, to, by: ['meter', 'feature', 'actor'], groups: who };
}

/** A plan that the buyer has. */
export function basicPlan(changes: Partial<CurrentPlan> = {}): CurrentPlan {
  return {
    subscriptionId: 'sub_1',
    status: 'active',
    priceId: 'price_BASIC_MONTHLY',
    planType: 'basic',
    quantity: 1,
    currentPeriodEnd: '2026-12-16T09:00:00.000Z',
    cancelAtPeriodEnd: false,
    ...changes,
  };
}

/** From Basic to Vision Pro in the middle of a month. */
export function planPreview(
  changes: {
    charge?: Partial<PlanChangePreview['charge']>;
    credits?: Partial<PlanChangePreview['credits']>;
  } = {},
): PlanChangePreview {
  const [now, end] = ['2026-12-01T09:00:00.000Z', '2026-12-16T09:00:00.000Z'];
  const line = { periodStart: now, periodEnd: end };
  return {
    preview: 'shown-first',
    expiresAt: '2026-12-01T09:15:00.000Z',
    subscriptionId: 'sub_1',
    from: { priceId: 'price_BASIC_MONTHLY', planType: 'basic', quantity: 1 },
    to: { priceId: 'price_PRO_MONTHLY', planType: 'vision_pro', quantity: 1 },
    effectiveAt: now,
    renewsAt: end,
    charge: {
      when: 'now',
      date: now,
      currency: 'usd',
      lines: [
        { ...line, description: 'Unused time on Basic after 1 Dec 2026', amountMinor: -450 },
        {
          ...line,
          description: 'Remaining time on Vision Pro after 1 Dec 2026',
          amountMinor: 1450,
        },
      ],
      discountMinor: 0,
      taxMinor: 0,
      totalMinor: 1000,
      fromBalanceMinor: 0,
      dueMinor: 1000,
      keptMinor: 0,
      ...changes.charge,
    },
    credits: {
      added: 250,
      back: 50,
      laterAdded: 0,
      laterStopped: 0,
      available: 300,
      availableAfter: 500,
      ...changes.credits,
    },
  };
}

/** Auto top-up, agreed to unless `changes` say otherwise. */
export function topUp(
  changes: Partial<TopUpConsent> = {},
  topUps: readonly TopUp[] = [],
): TopUpState {
  return {
    consent: {
      status: 'active',
      pauseReason: null,
      priceId: 'price_QUICK_SCAN',
      quantity: 1,
      credits: 50,
      amountMinor: 500,
      currency: 'usd',
      threshold: 20,
      maxPerMonth: 3,
      paymentMethod: 'visa •••• 4242',
      consentedAt: '2026-11-01T09:00:00.000Z',
      ...changes,
    },
    topUps,
    offers: [
      { priceId: 'price_QUICK_SCAN', credits: 50 },
      { priceId: 'price_POWER_PACK', credits: 250 },
    ],
  };
}

export function session(role: string | null = null) {
  return {
    access_token: 'access',
    refresh_token: 'refresh',
    token_type: 'bearer',
    expires_in: 3600,
    user: {
      id: ACCOUNT,
      email: role === null ? 'ada@example.com' : 'operator@example.com',
      app_metadata: role === null ? {} : { florin_role: role },
    },
  };
}

export function someEvents(now: number): readonly AdminEvent[] {
  const make = (
    part: Partial<AdminEvent> & { eventId: string; type: string },
    hoursAgo: number,
  ): AdminEvent => ({
    status: 'processed',
    needsAttention: false,
    attempts: 1,
    reason: null,
    errorCode: null,
    error: null,
    accountId: ACCOUNT,
    customerId: 'cus_1',
    objectId: null,
    apiVersion: '2026-10-28.endive',
    livemode: false,
    createdAt: new Date(now - hoursAgo * HOUR).toISOString(),
    receivedAt: new Date(now - hoursAgo * HOUR).toISOString(),
    processedAt: new Date(now - hoursAgo * HOUR + 40).toISOString(),
    nextAttemptAt: null,
    keptBytes: null,
    ...part,
  });
  return [
    make(
      {
        eventId: 'evt_1QaaF',
        type: 'invoice.paid',
        reason: 'Granted 100 credits for price_BASIC_MONTHLY.',
        objectId: 'in_1Q',
      },
      0.2,
    ),
    make(
      {
        eventId: 'evt_1QaaE',
        type: 'checkout.session.completed',
        status: 'failed',
        needsAttention: true,
        attempts: 4,
        errorCode: 'price_unknown',
        error:
          'price_SUMMER_SALE is not in the catalogue. Add it to florin.config.ts, then replay this event.',
        accountId: null,
        processedAt: null,
        nextAttemptAt: new Date(now + 12 * 60_000).toISOString(),
        objectId: 'cs_1Q',
      },
      1.5,
    ),
    make(
      {
        eventId: 'evt_1QaaD',
        type: 'charge.refunded',
        reason: 'Took back 50 of 50 credits.',
        objectId: 'ch_1Q',
      },
      26,
    ),
    make(
      {
        eventId: 'evt_1QaaC',
        type: 'customer.updated',
        status: 'skipped',
        reason: 'Not about credits.',
        accountId: null,
      },
      30,
    ),
    make(
      {
        eventId: 'evt_1QaaB',
        type: 'invoice.paid',
        status: 'dead',
        needsAttention: true,
        attempts: 12,
        errorCode: 'not_found',
        error: 'No account belongs to customer cus_9.',
        accountId: null,
        processedAt: null,
      },
      90,
    ),
  ];
}

export const someHealth = (now: number): AdminHealth => ({
  database: 'ok',
  stripe: 'ok',
  events: { received: 0, processed: 1204, skipped: 310, failed: 1, dead: 1 },
  needingAttention: 2,
  oldestWaitingAt: new Date(now - 1.5 * HOUR).toISOString(),
  lagSeconds: 0,
  reconcile: { found: 2, scheduledAt: new Date(now - 24 * 60_000).toISOString(), error: null },
  ledgerFaults: 0,
  accounts: 482,
  version: '0.1.0',
});

export function someRuns(now: number): readonly AdminReconcileRun[] {
  const make = (
    part: Partial<AdminReconcileRun> & Pick<AdminReconcileRun, 'kind'>,
    minutesAgo: number,
  ): AdminReconcileRun => ({
    runId: `${part.kind}-${minutesAgo}`,
    state: 'done',
    sinceDays: part.kind === 'daily' ? 30 : 1,
    startedBy: null,
    startedAt: new Date(now - minutesAgo * 60_000).toISOString(),
    finishedAt: new Date(now - minutesAgo * 60_000 + 4_000).toISOString(),
    found: 0,
    findings: [],
    errorCode: null,
    error: null,
    ...part,
  });
  return [
    make({ kind: 'hourly' }, 24),
    make(
      {
        kind: 'daily',
        found: 2,
        findings: [
          {
            kind: 'paid_not_credited',
            subject: 'issue:florin:checkout:cs_1Q:line:li_1',
            accountId: ACCOUNT,
            ids: { objectId: 'cs_1Q', grantKey: 'florin:checkout:cs_1Q:line:li_1' },
            credits: 50,
            explanation:
              'cs_1Q is paid and not credited: 50 credits (florin:checkout:cs_1Q:line:li_1).',
            remedy: 'Process cs_1Q as the webhook would.',
            repairable: true,
          },
          {
            kind: 'drift',
            subject: 'drift:a:balance:b',
            accountId: ACCOUNT,
            ids: { invariant: 'balance_is_the_sum_of_entries' },
            credits: null,
            explanation: 'The ledger breaks its rule balance_is_the_sum_of_entries: 37 and not 38',
            remedy: 'Nothing: rows were changed past the functions. See docs/operations.md.',
            repairable: false,
          },
        ],
      },
      400,
    ),
  ];
}

export function someAccount(now: number): AdminAccount {
  const { grants, ...balance } = someBalance(now);
  const created = new Date(now - 4 * DAY).toISOString();
  const full = {
    priority: 0,
    expired: 0,
    voided: 0,
    reversed: 0,
    moved: 0,
    createdAt: created,
    actor: null,
    internalNote: null,
  };
  const [first, second] = grants;
  return {
    accountId: ACCOUNT,
    customerId: 'cus_PqR5tZ',
    email: 'ada@example.com',
    closedAt: null,
    balance,
    grants:
      first === undefined || second === undefined
        ? []
        : [
            { ...first, ...full, burned: 38, metadata: { stripe_payment_id: 'pi_3PqA' } },
            { ...second, ...full, burned: 0, metadata: { stripe_payment_id: 'pi_3PqC' } },
            {
              ...second,
              ...full,
              grantId: 'g0',
              reason: 'quick_scan_purchase',
              amount: 50,
              remaining: 0,
              burned: 0,
              reversed: 50,
              moved: 0,
              metadata: { stripe_payment_id: 'pi_3PqB' },
            },
          ],
    seats: null,
    topUp: {
      consent: {
        status: 'paused',
        pauseReason: 'card_declined',
        priceId: 'price_QUICK_SCAN',
        credits: 50,
        amountMinor: 500,
        currency: 'usd',
        threshold: 20,
        maxPerMonth: 3,
        paymentMethod: 'visa •••• 9987',
        notBefore: null,
        consentedAt: created,
      },
      topUps: [
        {
          topUpId: 't-2',
          status: 'failed',
          credits: 50,
          amountMinor: 500,
          currency: 'usd',
          invoiceId: 'in_1RzT',
          failureCode: 'lost_card',
          failure: 'Your card was declined.',
          createdAt: created,
        },
      ],
    },
    holds: [
      {
        holdId: 'h-7d1f',
        status: 'open',
        amount: 12,
        captured: null,
        expiresAt: new Date(now + 600_000).toISOString(),
        createdAt: new Date(now - 60_000).toISOString(),
      },
    ],
    entries: someTransactions(now).map((entry) => ({
      ...entry,
      idempotencyKey: `florin:checkout:cs_test_${'bVpHnn'.repeat(10)}:line:li_${entry.entryNo}`,
      actor: null,
      internalNote: null,
      pricing: null,
    })),
    nextCursor: null,
  };
}

export const FOUND: AdminSearch = {
  stripeId: null,
  accounts: [
    {
      accountId: ACCOUNT,
      customerId: 'cus_PqR5tZ',
      email: 'ada@example.com',
      closedAt: null,
      posted: 312,
      held: 12,
      available: 300,
      nextExpiryAt: null,
    },
  ],
  withoutLedger: [],
  events: [],
  atStripe: null,
};

/** A service where all is well, and somebody has been a customer for a month. */
export function allIsWell(mock: Mock, now: number = Date.now()): void {
  const { answers } = mock;
  answers.clear();
  mock.asked.length = 0;
  mock.faults.length = 0;
  answers.set('GET /api/config', {
    body: {
      supabaseUrl: mock.url,
      supabasePublishableKey: 'sb_publishable_x',
      creditDecimals: 0,
      appUrl: mock.url,
      development: true,
    },
  });
  answers.set('POST /auth/v1/token', (body) => {
    const { email, password, refresh_token } = body as Record<string, string | undefined>;
    if (refresh_token === undefined && password !== PASSWORD) {
      return {
        status: 400,
        body: { code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' },
      };
    }
    return { body: session(email?.startsWith('operator@') ? 'operator' : null) };
  });
  answers.set('POST /auth/v1/signup', { body: session() });
  answers.set('POST /auth/v1/logout', { status: 200, body: {} });
  answers.set('GET /api/plans', { body: { plans: PLANS } });
  answers.set('GET /api/balance', { body: someBalance(now) });
  answers.set('GET /api/transactions', {
    body: { transactions: someTransactions(now), nextCursor: 'older' },
  });
  const usage = (_body: unknown, url: string) => ({
    body: url.includes('by=') ? groupedUsage(now, url) : someUsage(now),
  });
  answers.set('GET /api/usage', usage);
  answers.set(`GET /api/admin/accounts/${ACCOUNT}/usage`, usage);
  answers.set('GET /api/top-up', { body: topUp() });
  answers.set('GET /api/subscriptions', { body: { subscriptions: [] } });
  answers.set('GET /api/plan-session', { status: 204 });
  answers.set('POST /api/plan-session', (body) => ({
    body: {
      token: 'plan-token',
      priceId: (body as { priceId?: string }).priceId,
      planType: 'credits',
      metadata: {},
      expiresAt: new Date(Date.now() + 900_000).toISOString(),
    },
  }));
  answers.set('DELETE /api/plan-session', { status: 204 });
  answers.set('POST /api/create-checkout-session', {
    body: { sessionId: 'cs_1', url: `${mock.url}/elsewhere?checkout` },
  });
  answers.set('POST /api/create-portal-session', {
    body: { url: `${mock.url}/elsewhere?portal` },
  });
  answers.set('POST /api/demo/scan', {
    body: { entryId: 'e10', posted: 309, held: 12, available: 297, credits: 3, replayed: false },
  });
  answers.set('GET /api/admin/health', { body: someHealth(now) });
  answers.set('GET /api/admin/reconcile', { body: { runs: someRuns(now) } });
  answers.set('GET /api/admin/events', { body: { events: someEvents(now), nextCursor: null } });
  answers.set('GET /api/admin/events/evt_1QaaE', {
    body: {
      ...someEvents(now)[1],
      payload: { id: 'evt_1QaaE', type: 'checkout.session.completed' },
      body: null,
    },
  });
  answers.set('POST /api/admin/events/evt_1QaaE/replay', {
    body: { ...someEvents(now)[1], status: 'processed' },
  });
  answers.set('GET /api/admin/accounts', { body: FOUND });
  answers.set(`GET /api/admin/accounts/${ACCOUNT}`, { body: someAccount(now) });
}

export { ACCOUNT };
