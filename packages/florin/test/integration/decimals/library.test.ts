import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defineCatalog } from '../../../src/catalog/index.ts';
import {
  connectLedger,
  createFlorin,
  type FlorinLedger,
  type InsufficientCreditsError,
} from '../../../src/index.ts';
import { freshDatabase } from '../../support/postgres.ts';

/** As a program with decimals has it, which says so once: `interface CreditTypes { amount: … }`. */
type Loose = Record<keyof FlorinLedger, (...given: unknown[]) => Promise<never>>;

async function openLedger(decimals: number) {
  const fresh = await freshDatabase();
  onTestFinished(() => fresh.close());
  const ledger = connectLedger({ databaseUrl: fresh.url, credit: { decimals } });
  onTestFinished(() => ledger.close());
  return { fresh, ledger: ledger as unknown as Loose };
}

/** The whole service, as a program mounts it, with two decimals. */
function openFlorin(url: string, catalog: Parameters<typeof defineCatalog>[0]) {
  const florin = createFlorin({
    catalog: defineCatalog({ credit: { decimals: 2 }, ...catalog }),
    environment: {
      DATABASE_URL: url,
      STRIPE_SECRET_KEY: 'sk_test_decimals',
      STRIPE_WEBHOOK_SECRET: 'whsec_decimals',
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      SUPABASE_URL: 'http://127.0.0.1:9',
      JWT_SECRET: randomBytes(32).toString('base64url'),
      FLORIN_SECRET_KEY: randomBytes(32).toString('base64url'),
      APP_URL: 'http://localhost:3000',
    },
  });
  onTestFinished(() => florin.close());
  return florin;
}

const id = () => ({ idempotencyKey: crypto.randomUUID() });

describe('the library with decimals', () => {
  it('takes numbers and texts, and answers numbers where they are whole', async () => {
    const { ledger, fresh } = await openLedger(3);
    const accountId = crypto.randomUUID();
    const granted = await ledger.grant({ accountId, amount: 2, source: 'test', ...id() });
    expect(granted).toMatchObject({ posted: 2, available: 2 });
    const spent = await ledger.spend({ accountId, amount: '0.125', ...id() });
    expect(spent).toMatchObject({ posted: '1.875', held: 0 });
    const batch = [
      { accountId, amount: 0.5, ...id() },
      { accountId, amount: 9, ...id() },
    ];
    expect(await ledger.spendBatch(batch)).toMatchObject([
      { status: 'spent', available: '1.375' },
      { status: 'insufficient_credits', available: '1.375' },
    ]);
    await ledger.setLimit({ accountId, window: 'day', credits: '1.5' });
    expect(await ledger.limits(accountId)).toMatchObject([{ credits: '1.5', used: '0.625' }]);
    expect(await ledger.explain(accountId)).toMatchObject([
      { amount: 2, spent: '0.625', contributes: '1.375' },
    ]);
    expect(await ledger.verify(accountId)).toEqual([]);
    const [row] = await fresh.db.query('select posted from credits.read_balance($1)', [accountId]);
    expect(row).toEqual({ posted: 1375 });
  });

  it('hands over what is known of a person in credits', async () => {
    const { ledger, fresh } = await openLedger(2);
    const accountId = crypto.randomUUID();
    await ledger.grant({ accountId, amount: '49.25', source: 'test', ...id() });
    await ledger.placeHold({ accountId, amount: '1.5', ...id() });
    await ledger.spend({ accountId, amount: '0.75', metadata: { amount: 75 }, ...id() });
    await ledger.setLimit({ accountId, window: 'day', credits: '2.5' });
    const alert = { available: 4850, below: 5000 };
    await fresh.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query("select billing.add_alert($1, 'balance_low', $2)", [accountId, alert]);
    });
    expect(await ledger.exportPerson(accountId)).toMatchObject({
      account: [{ posted: '48.5', held: '1.5' }],
      entries: [
        { kind: 'grant', amount: '49.25', postedAfter: '49.25' },
        { kind: 'hold', amount: 0 },
        { kind: 'spend', amount: '-0.75', postedAfter: '48.5', metadata: { amount: 75 } },
      ],
      grants: [{ amount: '49.25' }],
      holds: [{ amount: '1.5', captured: 0 }],
      limits: [{ amount: '2.5' }],
      alerts: [{ data: { available: '48.5', below: 50 } }],
    });
  });

  it('gives work its hold in credits, and charges what it says in credits', async () => {
    const { ledger } = await openLedger(2);
    const accountId = crypto.randomUUID();
    await ledger.grant({ accountId, amount: 1, source: 'test', ...id() });
    const request = { accountId, amount: '0.5', ...id() };
    const done = await ledger.withHold(request, async (hold: { amount: unknown }) => ({
      result: { amount: 7, reserved: hold.amount },
      used: 0.25,
    }));
    expect(done).toMatchObject({
      result: { amount: 7, reserved: '0.5' },
      used: '0.25',
      available: '0.75',
    });
    const again = await ledger.withHold(request, async (hold: { chargedBefore: unknown }) => ({
      result: hold.chargedBefore,
      used: 0,
    }));
    expect(again).toMatchObject({ result: '0.25', replayed: true });
    const tooMuch = ledger.withHold({ accountId, amount: '0.1', ...id() }, async () => ({
      result: null,
      used: '0.2',
    }));
    await expect(tooMuch).rejects.toThrow(
      'The work used 0.2 credits; its hold allows from 0 to 0.1.',
    );
  });

  it('throws amounts in credits, once, also out of the work of a hold', async () => {
    const { ledger } = await openLedger(2);
    const accountId = crypto.randomUUID();
    await ledger.grant({ accountId, amount: 1, source: 'test', ...id() });
    const short = (error: InsufficientCreditsError) => {
      expect(error).toMatchObject({
        code: 'insufficient_credits',
        available: '0.5',
        required: '0.75',
      });
      expect(error.message).toContain('has 0.5 credits available and 0.75 are needed');
      return 'short';
    };
    const inside = ledger.withHold({ accountId, amount: 0.5, ...id() }, async () => ({
      result: await ledger.spend({ accountId, amount: 0.75, ...id() }),
      used: 0,
    }));
    expect(await inside.catch(short)).toBe('short');
    await expect(ledger.spend({ accountId, amount: '0.001', ...id() })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'amount: must have at most 2 decimals',
    });
    await expect(ledger.spend({ accountId, amount: 0, ...id() })).rejects.toMatchObject({
      code: 'amount_not_allowed',
      message: 'amount: must be credits from 0.01 to 90071992547409.91',
    });
    await expect(ledger.spend(null)).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('holds that name a use, with decimals', () => {
  it('reserve and charge what the rate card says, in credits', async () => {
    const fresh = await freshDatabase();
    onTestFinished(() => fresh.close());
    const florin = openFlorin(fresh.url, { prices: {}, usage: { page: { credits: '0.255' } } });
    const accountId = crypto.randomUUID();
    await florin.grant({ accountId, amount: 2, source: 'test', ...id() });
    const pages = (quantity: number) => ({ accountId, meter: 'page', quantity });
    const held = await florin.placeHold({ ...pages(3), ...id() });
    expect(held).toMatchObject({ credits: '0.77', held: '0.77', available: '1.23' });
    const { holdId } = held;
    const captured = await florin.captureHold({ ...pages(2), holdId });
    expect(captured).toMatchObject({ credits: '0.51', captured: '0.51', available: '1.49' });
    const again = await florin.captureHold({ ...pages(2), holdId });
    expect(again).toMatchObject({ credits: '0.51', captured: '0.51', replayed: true });
    const second = await florin.placeHold({ ...pages(1), ...id() });
    expect(
      await florin.captureHold({
        ...pages(10),
        holdId: second.holdId,
        overage: 'up_to_available',
      }),
    ).toMatchObject({ credits: '2.55', captured: '1.49', uncovered: '1.06', available: 0 });
    await expect(florin.placeHold({ ...pages(1), ...id() })).rejects.toMatchObject({
      code: 'insufficient_credits',
      available: 0,
      required: '0.26',
    });
  });
});

describe('decimals that are set once', () => {
  it('may change until there is an account, and are refused from then on, before anything is written', async () => {
    const { fresh, ledger } = await openLedger(0);
    const accountId = crypto.randomUUID();
    expect(await ledger.balance(accountId)).toMatchObject({ available: 0 });
    const cents = connectLedger({ databaseUrl: fresh.url, credit: { decimals: 2 } });
    onTestFinished(() => cents.close());
    const grant = { accountId, amount: 1, source: 'test', ...id() };
    expect(await cents.grant(grant)).toMatchObject({ available: 1 });

    const late = connectLedger({ databaseUrl: fresh.url });
    onTestFinished(() => late.close());
    await expect(late.spend({ accountId, amount: 7, ...id() })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining("the ledger's amounts have 2 decimals"),
    });
    expect(await cents.balance(accountId)).toMatchObject({ posted: 1 });
  });

  it('are those of a whole ledger where entries came before anybody said so', async () => {
    const fresh = await freshDatabase();
    onTestFinished(() => fresh.close());
    const accountId = crypto.randomUUID();
    await fresh.db.query("select credits.issue_grant($1, 5, 'k', 'test')", [accountId]);
    const cents = connectLedger({ databaseUrl: fresh.url, credit: { decimals: 2 } });
    onTestFinished(() => cents.close());
    await expect(cents.balance(accountId)).rejects.toMatchObject({ code: 'invalid_configuration' });
    const whole = connectLedger({ databaseUrl: fresh.url });
    onTestFinished(() => whole.close());
    expect(await whole.balance(accountId)).toMatchObject({ available: 5 });
  });

  it('are refused to the whole service by createFlorin', async () => {
    const fresh = await freshDatabase();
    onTestFinished(() => fresh.close());
    await fresh.db.query("select credits.issue_grant($1, 5, 'k', 'test')", [crypto.randomUUID()]);
    const florin = openFlorin(fresh.url, { prices: {} });
    await expect(florin.balance(crypto.randomUUID())).rejects.toMatchObject({
      code: 'invalid_configuration',
    });
    const ready = await florin.fetch(new Request('http://localhost/readyz'));
    expect(ready.status).toBeGreaterThanOrEqual(500);
  });
});
