import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusOf } from '../../src/http/problem.ts';
import * as exported from '../../src/index.ts';
import { silentLogger } from '../../src/kernel/index.ts';
import { openService, type TestService } from '../integration/http/florin-service.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { anyValue, type Change, changes, readyMade, spoil } from './hostile.ts';

const { connectLedger, createFlorin, defineCatalog, FlorinError } = exported;
type Florin = exported.Florin;
/** Hostile calls to each function; 1,000 under `npm run proof`. */
const CALLS = Number(process.env['FLORIN_PROOF_CALLS'] ?? 60);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? 10);
const NO_ID = '00000000-0000-4000-8000-000000000000';

type FunctionName = {
  [K in keyof Florin]: Florin[K] extends (...args: never[]) => unknown ? K : never;
}[keyof Florin];
/** They take nothing, and start or end the whole: the last test calls them. */
const WITHOUT_ARGUMENTS = ['startJobs', 'endStreams', 'close'] as const;
type Called =
  | Exclude<FunctionName, (typeof WITHOUT_ARGUMENTS)[number]>
  | `members.${keyof Florin['members']}`;

/** What a good call of each function passes: a function without an entry here does not compile. */
function goodArguments(accountId: string): Record<Called, readonly unknown[]> {
  const write = { accountId, idempotencyKey: randomUUID(), metadata: { job: 'scan', pages: 3 } };
  const grant = { ...write, grantId: NO_ID };
  const work = async () => ({ result: 'done', used: 1 });
  return {
    spend: [{ ...write, amount: 1, actor: 'ada', feature: 'scan' }],
    grant: [
      {
        ...write,
        amount: 1,
        source: 'test',
        priority: 1,
        effectiveAt: new Date(),
        expiresAt: new Date(Date.now() + 86_400_000),
      },
    ],
    withHold: [{ ...write, amount: 1, expiresInSeconds: 60 }, work],
    placeHold: [{ ...write, amount: 1, expiresInSeconds: 60 }],
    captureHold: [{ accountId, holdId: NO_ID, amount: 1 }],
    extendHold: [{ accountId, holdId: NO_ID, expiresInSeconds: 60, idempotencyKey: randomUUID() }],
    readHold: [{ accountId, holdId: NO_ID }],
    releaseHold: [{ accountId, holdId: NO_ID }],
    balance: [accountId],
    explain: [accountId],
    spendBatch: [[{ accountId, amount: 1, idempotencyKey: randomUUID() }]],
    reverseGrant: [{ ...grant, amount: 1 }],
    restoreGrant: [{ ...grant, amount: 1 }],
    voidGrant: [grant],
    exportPerson: [accountId],
    erasePerson: [randomUUID()],
    transfer: [
      { from: accountId, to: randomUUID(), amount: 1, idempotencyKey: randomUUID(), reason: 'why' },
    ],
    setLimit: [
      {
        accountId,
        credits: 1_000_000_000,
        window: 'month',
        actor: 'ada',
        soft: false,
        timeZone: 'UTC',
      },
    ],
    removeLimit: [{ accountId, window: 'day', feature: '*', soft: true }],
    limits: [accountId],
    'members.set': [{ accountId, userId: NO_ID, role: 'member', by: accountId }],
    'members.remove': [{ accountId, userId: NO_ID, by: accountId }],
    'members.role': [{ accountId, userId: NO_ID }],
    'members.list': [{ accountId, after: NO_ID, limit: 10 }],
    'members.accounts': [{ userId: NO_ID, after: accountId }],
    closeAccount: [{ accountId: randomUUID(), idempotencyKey: randomUUID() }],
    verify: [accountId],
    charge: [{ ...write, meter: 'page', quantity: 2, actor: 'ada', feature: 'scan' }],
    quote: [
      {
        accountId,
        meter: 'tokens',
        usage: { model: 'a/b', input: 1200, cachedInput: 0, output: 30 },
      },
    ],
    fetch: [new Request('http://app.localhost/healthz'), { env: {} }, {}],
    fetchMetrics: [new Request('http://app.localhost/metrics')],
    drain: [10],
    runJobs: [{ forMs: 100 }],
  };
}

/** Holds by what is used, instead of an amount. */
function goodUses(accountId: string): Partial<Record<Called, readonly unknown[]>> {
  const usage = { model: 'a/b', input: 1200, output: 30 };
  return {
    placeHold: [{ accountId, idempotencyKey: randomUUID(), meter: 'tokens', usage, actor: 'ada' }],
    captureHold: [{ accountId, holdId: NO_ID, meter: 'page', quantity: 2, overage: 'debt' }],
  };
}

/** What `florin` exports beside errors, each with a good call; what one makes is closed again. */
function makersOf({ config, fresh }: TestService) {
  const catalog = {
    credit: { decimals: 2 },
    prices: {
      price_A: { credits: 50, reason: 'pack', planType: 'credits', kind: 'one_time', priority: 1 },
    },
    ignore: ['price_B'],
    checkout: { maxQuantity: 10 },
  };
  const environment = { DATABASE_URL: fresh.url, APP_URL: config.appUrl, PORT: '4242' };
  const header = 't=1,v1=00';
  return {
    defineCatalog: [catalog],
    createFlorin: [
      {
        catalog: readyMade(defineCatalog(catalog as never)),
        config,
        logger: readyMade(silentLogger),
        onAlert: async () => undefined,
        development: false,
        environment,
      },
    ],
    connectLedger: [
      {
        databaseUrl: fresh.url,
        maxConnections: 2,
        credit: { decimals: 0 },
        logger: readyMade(silentLogger),
      },
    ],
    nodeHandler: [{ fetch: () => new Response() }],
    creditsOf: [
      {
        credits: '2',
        tiers: [{ upTo: '5', credits: '1' }, { credits: '3' }],
        per: '10',
        free: '1',
      },
      { quantity: '12.5', usage: { model: 'a/b', input: '3' } },
    ],
    isAlert: [{ rawBody: new Uint8Array(1), header, secrets: ['a secret'], now: new Date() }],
  };
}

const functions: Readonly<Record<string, unknown>> = exported;
const MAKERS = [
  'defineCatalog',
  'createFlorin',
  'connectLedger',
  'nodeHandler',
  'creditsOf',
  'isAlert',
] as const;

/** What credits with decimals are read for. */
const WITH_AMOUNTS = [
  ...(['spend', 'grant', 'withHold', 'placeHold', 'captureHold'] as const),
  ...(['spendBatch', 'reverseGrant', 'setLimit', 'limits'] as const),
];

type Library = { readonly [name: string]: unknown };

/** Calls a function with values of `made`; throws when it fails in a way that nobody documented. */
async function attack(
  library: Library,
  { name, good, made }: { name: Called; good: readonly unknown[]; made: readonly Change[] },
): Promise<void> {
  const given = spoil(good, made);
  const call = library[name] as (...values: unknown[]) => unknown;
  try {
    await call(...given);
  } catch (thrown) {
    expect(thrown, 'an error without a code').toBeInstanceOf(FlorinError);
    const { code, message } = thrown as exported.FlorinError;
    expect(statusOf(code), `${code}: ${message}`).toBeLessThan(500);
    expect(message).not.toBe('');
  }
}

describe('a hostile call', { timeout: 120_000 }, () => {
  let service: TestService;
  let whole: Florin;
  let ledger: ReturnType<typeof connectLedger>;
  let library: Library;
  let fractional: FreshDatabase;
  let cents: ReturnType<typeof connectLedger>;
  const [accountId, victim] = [randomUUID(), randomUUID()];
  beforeAll(async () => {
    service = await openService();
    whole = createFlorin({ config: service.config, catalog: service.webhooks.catalog });
    // One connection: whatever a hostile call leaves on it, the next good call meets.
    ledger = connectLedger({ databaseUrl: service.fresh.url, maxConnections: 1 });
    const { members, ...rest } = { ...whole, ...ledger };
    const { placeHold, captureHold } = whole;
    library = {
      ...rest,
      placeHold,
      captureHold,
      ...Object.fromEntries(Object.entries(members).map(([name, one]) => [`members.${name}`, one])),
    };
    fractional = await freshDatabase();
    const decimals = { credit: { decimals: 2 }, maxConnections: 1 };
    cents = connectLedger({ databaseUrl: fractional.url, ...decimals });
    for (const owner of [accountId, victim]) {
      const grant = { accountId: owner, amount: 1_000_000, idempotencyKey: 'f', source: 'test' };
      await ledger.grant(grant);
      await cents.grant(grant);
    }
  });
  afterAll(async () => {
    await whole.close();
    await ledger.close();
    await cents.close();
    await service.close();
    await fractional.close();
  });

  const spendWell = (from: Pick<Florin, 'spend'>) =>
    from.spend({ accountId, amount: 1, idempotencyKey: randomUUID(), metadata: { good: true } });
  const fuzz = (attacked: Library, name: Called, argumentsOf: typeof goodUses = goodArguments) =>
    fc.asyncProperty(changes(anyValue), async (made) => {
      await attack(attacked, { name, good: argumentsOf(victim)[name] ?? [], made });
      await spendWell(attacked as Pick<Florin, 'spend'>);
    });

  it('is made to every function that the library has', () => {
    const functions = Object.entries(library)
      .filter(([, value]) => typeof value === 'function')
      .map(([name]) => name);
    expect(functions.sort()).toEqual(
      [...Object.keys(goodArguments(NO_ID)), ...WITHOUT_ARGUMENTS].sort(),
    );
  });

  it.each(Object.keys(goodArguments(NO_ID)) as Called[])(
    'to %s is answered or refused with a code, and the next spend succeeds',
    async (name) => {
      await fc.assert(fuzz(library, name), { seed: SEED, numRuns: CALLS });
    },
  );

  it.each(Object.keys(goodUses(NO_ID)) as Called[])(
    'to %s of a use is answered or refused with a code, and the next spend succeeds',
    async (name) => {
      await fc.assert(fuzz(library, name, goodUses), { seed: SEED, numRuns: CALLS });
    },
  );

  it.each(WITH_AMOUNTS)(
    'to %s with decimals is answered or refused with a code, and the next spend succeeds',
    async (name) => {
      await fc.assert(fuzz(cents as unknown as Library, name), { seed: SEED, numRuns: CALLS });
    },
  );

  it('is made to every function that the package exports', () => {
    const names = Object.entries(exported)
      .filter(([, value]) => typeof value === 'function' && !(value.prototype instanceof Error))
      .map(([name]) => name);
    expect(names.sort()).toEqual([...MAKERS].sort());
  });

  it.each(MAKERS)(
    'to %s is refused with a code, or makes what can be closed again',
    async (name) => {
      const call = functions[name] as (...values: unknown[]) => Partial<Florin> | undefined;
      const property = fc.asyncProperty(changes(anyValue), async (made) => {
        try {
          const maker = call(...spoil(makersOf(service)[name], made));
          maker?.endStreams?.();
          await maker?.close?.();
        } catch (thrown) {
          expect(thrown, 'an error without a code').toBeInstanceOf(FlorinError);
          const { code } = thrown as exported.FlorinError;
          expect(statusOf(code) < 500 || code === 'invalid_configuration', code).toBe(true);
        }
        await spendWell(ledger);
      });
      await fc.assert(property, { seed: SEED, numRuns: CALLS });
    },
  );

  it('of work that a hold is for, whatever it answers, leaves nothing reserved', async () => {
    const property = fc.asyncProperty(changes(anyValue), async (made) => {
      const request = { accountId: victim, amount: 5, idempotencyKey: randomUUID() };
      const before = await ledger.balance(victim);
      const [answer] = spoil([{ result: 'done', used: 1 }], made);
      const work = async () => answer as never;
      const threw = await work().then(
        () => false,
        () => true,
      );
      let used = 0;
      try {
        ({ used } = await ledger.withHold(request, work));
      } catch (thrown) {
        // What the work itself throws is thrown on as it is.
        expect(threw || thrown instanceof FlorinError, String(thrown)).toBe(true);
        expect((thrown as exported.FlorinError).code).not.toBe('internal');
      }
      expect(await ledger.balance(victim)).toMatchObject({
        held: before.held,
        posted: before.posted - used,
      });
      await spendWell(ledger);
    });
    await fc.assert(property, { seed: SEED, numRuns: CALLS });
  });

  it('leaves the ledger sound', async () => {
    expect(await ledger.verify()).toEqual([]);
    expect(await cents.verify()).toEqual([]);
  });

  it('is noticed where a function lets the value through to the database', async () => {
    const careless = {
      ...library,
      balance: (value: unknown) => service.fresh.db.query('select $1::uuid', [value as never]),
    };
    const outcome = await fc.check(fuzz(careless, 'balance'), { seed: SEED, numRuns: CALLS });
    expect(outcome.failed).toBe(true);
  });

  it('is noticed where it spoils what comes after it', async () => {
    let spoilt = false;
    const poisoned = {
      async balance(value: unknown) {
        spoilt ||= typeof value !== 'string';
      },
      async spend() {
        if (spoilt) {
          throw new FlorinError('internal', 'prepared statement "ledger_spend" does not exist');
        }
      },
    };
    const outcome = await fc.check(fuzz(poisoned, 'balance'), { seed: SEED, numRuns: CALLS });
    expect(outcome.failed).toBe(true);
  });
});
