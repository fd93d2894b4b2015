// Credits follow the money through whole lives of a customer, played at the sandbox with the real SDK (decision 0072).
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { createSandbox, type Sandbox } from 'stripe-sandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpointUnderTest, KEY, sdkFor } from '../../../stripe-sandbox/test/sandbox-under-test.ts';

import { verifyLedger } from '../../src/ledger/index.ts';
import { createStripeLookups, type LineFact, type StripeLookups } from '../../src/stripe/index.ts';
import { webhookEventTypes } from '../../src/webhooks/index.ts';
import { collectDetails } from '../../src/webhooks/lookups.ts';
import { MemoryWorld } from '../faults/memory-world.ts';
import type { Json } from '../integration/webhooks/objects.ts';
import { openShop, type Shop } from '../integration/webhooks/shop.ts';
import { anyLife, Customer, catalogOf, EVEN_CREDIT, type Life, pricesOf } from './lives.ts';
import { type Truth, truthOf } from './lives-truth.ts';

/** `npm run proof` asks for 5,000. */
const LIVES = Number(process.env['FLORIN_PROOF_LIVES'] ?? 100);
/** The control: ignoring negative lines must break the law as early as this. */
const OLD_RULE_FAILS_WITHIN = 100;
const SEED = process.env['FLORIN_PROOF_SEED'];

type Played = {
  readonly events: readonly Json[];
  readonly truth: Truth;
  readonly lookups: StripeLookups;
};

describe('the law: credits follow the money', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop.close());

  it(`holds in ${LIVES} lives, in any order of deliveries, and ignoring negative lines breaks it`, {
    timeout: 120_000 + LIVES * 2_000,
  }, async () => {
    const endpoint = await endpointUnderTest();
    let lives = 0;
    let brokenByOldRule = 0;
    const property = fc.asyncProperty(anyLife, async (life) => {
      lives += 1;
      const accountId = randomUUID();
      const sandbox = sandboxFor(life, endpoint.url);
      await sandbox.start();
      try {
        const played = await play({ life, accountId, sandbox, endpoint });
        const [first, second, third] = ordersOf(played.events, life.seed);
        const balance = await inTheLedger(life, accountId, { ...played, events: first });
        keepsTheLaw(balance, played.truth, life);
        const one = await inMemory(life, { ...played, events: second });
        const other = await inMemory(life, { ...played, events: third });
        expect(one.summary()).toBe(other.summary());
        expect(one.balance(accountId)).toBe(balance);
        if (lives <= OLD_RULE_FAILS_WITHIN) {
          const old = await inMemory(life, withoutNegativeLines(played));
          brokenByOldRule += breaksTheLaw(old.balance(accountId), played.truth, life) ? 1 : 0;
        }
      } finally {
        await sandbox.stop();
      }
    });
    const seed = SEED === undefined ? {} : { seed: Number(SEED) };
    await fc.assert(property, { numRuns: LIVES, ...seed });
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
    expect(brokenByOldRule).toBeGreaterThan(0);
  });

  async function inTheLedger(
    life: Life,
    accountId: string,
    { events, lookups }: Pick<Played, 'events' | 'lookups'>,
  ): Promise<number> {
    const here = shop.with({ catalog: catalogOf(life.tariff), stripe: lookups });
    for (const event of events) {
      await here.deliver(event);
    }
    const open = "select 1 from billing.events where status in ('received', 'failed', 'dead')";
    if ((await shop.deps.db.query(open)).length > 0) {
      await here.drain();
    }
    expect(
      await shop.deps.db.query(
        "select type, error from billing.events where status in ('received', 'failed', 'dead')",
      ),
    ).toEqual([]);
    return here.balance(accountId);
  }
});

function sandboxFor(life: Life, url: string): Sandbox {
  return createSandbox({
    port: 0,
    apiKeys: [KEY],
    prices: pricesOf(life.tariff),
    endpoints: [
      {
        url,
        secret: 'whsec_of_this_life',
        apiVersion: life.apiVersion,
        enabledEvents: webhookEventTypes(),
      },
    ],
  });
}

/** Lives one life at Stripe: what was told of it, and what it truly comes to. */
async function play(at: {
  life: Life;
  accountId: string;
  sandbox: Sandbox;
  endpoint: { received: { body: string }[] };
}): Promise<Played> {
  const { life, sandbox } = at;
  const stripe = sdkFor(sandbox);
  const customer = await Customer.of({ sandbox, stripe }, at.accountId);
  for (const step of life.steps) {
    await customer.live(step);
  }
  await sandbox.settled();
  const truth = await truthOf(stripe, { catalog: catalogOf(life.tariff), named: life.named });
  const lookups = createStripeLookups(stripe);
  const events = at.endpoint.received.splice(0).map(({ body }) => JSON.parse(body) as Json);
  return life.named
    ? { truth, lookups, events }
    : { truth, ...withLines({ lookups, events }, (lines) => lines.map(unnamed)) };
}

/** What is in the books is what Stripe's lines are worth, ±1 a line; and money that went back buys nothing. */
function keepsTheLaw(balance: number, truth: Truth, life: Life): void {
  expect(Math.abs(balance - truth.credits), JSON.stringify({ balance, truth })).toBeLessThanOrEqual(
    truth.lines,
  );
  if (life.tariff === 'even') {
    const worth = (truth.money + truth.gifts) / EVEN_CREDIT;
    expect(balance, JSON.stringify({ truth })).toBeLessThanOrEqual(worth + truth.lines);
  }
}

function breaksTheLaw(balance: number, truth: Truth, life: Life): boolean {
  try {
    keepsTheLaw(balance, truth, life);
    return false;
  } catch {
    return true;
  }
}

/** Three orders, each with about a third of the events told twice. */
function ordersOf(events: readonly Json[], seed: number): [Json[], Json[], Json[]] {
  const random = seeded(seed);
  const order = () =>
    events
      .flatMap((event) => (random() < 0.3 ? [event, event] : [event]))
      .map((event) => ({ event, place: random() }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ event }) => event);
  return [order(), order(), order()];
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

/** The same decisions on plain objects, which are quick enough for more than one order. */
async function inMemory(
  life: Life,
  { events, lookups }: Pick<Played, 'events' | 'lookups'>,
): Promise<MemoryWorld> {
  const silent = () => {};
  const logger = { error: silent, warn: silent, info: silent, debug: silent };
  const world = new MemoryWorld(catalogOf(life.tariff), async (need) => {
    const details = collectDetails(lookups, logger);
    await details.ask(need);
    return details.get(need.ask, need.id);
  });
  for (const event of events) {
    await world.deliver(event);
  }
  await world.settle();
  expect([...world.unfinished.keys()]).toEqual([]);
  return world;
}

/** As Florin read invoices before decision 0072. */
function withoutNegativeLines(played: Played): Pick<Played, 'events' | 'lookups'> {
  return withLines(played, (lines) => lines.filter((line) => Number(line['amount']) >= 0));
}

/** As API versions show lines that do not name what they credit. */
function unnamed(line: Json): Json {
  const { proration_details: _named, credited: _read, ...rest } = line;
  const parent = JSON.parse(JSON.stringify(line['parent'] ?? null)) as Json | null;
  for (const details of Object.values(parent ?? {})) {
    if (typeof details === 'object' && details !== null) {
      delete (details as Json)['proration_details'];
    }
  }
  return { ...rest, parent };
}

/** The same events and answers with other lines on their invoices. */
function withLines(
  { events, lookups }: Pick<Played, 'events' | 'lookups'>,
  change: (lines: readonly Json[]) => readonly Json[],
): Pick<Played, 'events' | 'lookups'> {
  return {
    lookups: {
      ...lookups,
      invoiceLines: async (id) => {
        const lines = await lookups.invoiceLines(id);
        return lines === null ? null : (change(lines as never) as unknown as readonly LineFact[]);
      },
    },
    events: events.map((event) => {
      const { object } = event['data'] as { object: Json };
      const lines = object['object'] === 'invoice' ? (object['lines'] as { data: Json[] }) : null;
      return lines === null
        ? event
        : {
            ...event,
            data: { object: { ...object, lines: { ...lines, data: change(lines.data) } } },
          };
    }),
  };
}
