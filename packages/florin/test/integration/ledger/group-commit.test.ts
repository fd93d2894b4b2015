import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Database, type Executor } from '../../../src/db/index.ts';
import { FlorinError } from '../../../src/kernel/index.ts';
import {
  closeAccount,
  createSpender,
  issueGrant,
  listEntries,
  type MeteredSpend,
  placeHold,
  readBalance,
  type Spend,
  setLimit,
  spendBatch,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import {
  type FreshDatabase,
  freshDatabase,
  isOnCluster,
  isPooled,
  LOCK_WAITS,
} from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

describe('spends that wait', () => {
  let database: FreshDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await freshDatabase();
    db = database.db;
  });
  afterAll(() => database.close());

  async function funded(amount: number): Promise<string> {
    const accountId = randomUUID();
    await issueGrant(db, { accountId, amount, idempotencyKey: 'grant', source: 'test' });
    return accountId;
  }
  const manyFunded = (count: number) =>
    Promise.all(Array.from({ length: count }, () => funded(100)));
  const newSpend = (accountId: string, more: Partial<Spend> = {}): Spend => ({
    accountId,
    amount: 1,
    idempotencyKey: randomUUID(),
    ...more,
  });
  const codeOf = (write: Promise<unknown>) =>
    write.then(
      () => 'spent',
      (error: unknown) => (error instanceof FlorinError ? error.code : String(error)),
    );

  /** A spender over the database, and how often it called it. */
  function counted() {
    let calls = 0;
    const counting: Executor = {
      query(...call) {
        calls += 1;
        return db.query(...call);
      },
    };
    return { ...createSpender(counting), calls: () => calls };
  }

  /** Holds the rows of some accounts until they are unlocked. */
  async function lock(...accountIds: string[]): Promise<() => Promise<void>> {
    let unlock: () => void = () => undefined;
    let ended: Promise<void> = Promise.resolve();
    await new Promise<void>((locked) => {
      ended = db.transaction(async (tx) => {
        // Writes what is there already: its row is locked until the transaction ends.
        await tx.query('select credits.set_debt_limit(a, null) from unnest($1::uuid[]) a', [
          accountIds,
        ]);
        locked();
        await new Promise<void>((resolve) => {
          unlock = resolve;
        });
      });
    });
    return () => {
      unlock();
      return ended;
    };
  }

  it('of many accounts share few calls, and a spend that meets no other waits for none', async () => {
    const accounts = await manyFunded(60);
    const { spend: spends, calls } = counted();
    const first = accounts.map((accountId) => spends(newSpend(accountId)));
    const second = accounts.map((accountId) => spends(newSpend(accountId, { amount: 2 })));
    const answers = await Promise.all([...first, ...second]);
    expect(answers.map(({ available }) => available)).toEqual([
      ...accounts.map(() => 99),
      ...accounts.map(() => 97),
    ]);
    // On a cluster, one that is refused, then one for each account.
    expect(calls()).toBeLessThan(isOnCluster ? 62 : 6);
    const before = calls();
    await spends(newSpend(accounts[0] as string));
    expect(calls()).toBe(before + 1);
    expect(await verifyLedger(db)).toEqual([]);
  });

  it('are each answered for themselves, in one call or, on a cluster, in one for each account', async () => {
    const [rich, poor, limited, closed, used] = await manyFunded(5);
    const accountId = used as string;
    await setLimit(db, { accountId: limited as string, window: 'day', credits: 10, actor: 'ada' });
    await closeAccount(db, { accountId: closed as string, idempotencyKey: 'bye' });
    const before = newSpend(accountId, { actor: 'ada', feature: 'scan', metadata: { page: [1] } });
    const first = await spend(db, before);
    const { spend: spends, calls } = counted();
    const answers = await Promise.allSettled([
      spends(newSpend(rich as string, { metadata: { job: 'a"b\\,{}' }, feature: 'scan' })),
      spends(newSpend(poor as string, { amount: 101 })),
      spends(newSpend(limited as string, { amount: 11, actor: 'ada' })),
      spends(newSpend(limited as string, { amount: 11, actor: 'bob' })),
      spends(newSpend(closed as string)),
      spends(before),
      spends({ ...before, metadata: { page: [2] } }),
      spends({ ...before, actor: 'bob' }),
      spends({ ...before, amount: 2 }),
      spends(newSpend(randomUUID())),
    ]);
    expect(calls()).toBe(isOnCluster ? 7 : 1);
    expect(answers).toMatchObject([
      { value: { available: 99, replayed: false } },
      { reason: { code: 'insufficient_credits', available: 100, required: 101 } },
      {
        reason: {
          code: 'limit_reached',
          rule: { actor: 'ada', feature: null, window: 'day', timeZone: 'UTC' },
          used: 0,
          limit: 10,
          resetsAt: new Date(new Date().setUTCHours(24, 0, 0, 0)),
        },
      },
      { value: { available: 89 } },
      { reason: { code: 'account_closed' } },
      { value: { ...first, replayed: true } },
      { reason: { code: 'idempotency_key_reused' } },
      { reason: { code: 'idempotency_key_reused' } },
      { reason: { code: 'idempotency_key_reused' } },
      { reason: { code: 'insufficient_credits', available: 0, required: 1 } },
    ]);
    const [entry] = await listEntries(db, { accountId: rich as string, limit: 1 });
    expect(entry).toMatchObject({ metadata: { job: 'a"b\\,{}' }, feature: 'scan', actor: null });
    expect(await verifyLedger(db)).toEqual([]);
  });

  it('and are metered leave the rows that they leave one by one, also those that cost nothing', async () => {
    const [accountId, other] = await manyFunded(2);
    const metered = (more: Partial<MeteredSpend>): MeteredSpend => ({
      ...newSpend(accountId as string),
      meter: 'page',
      quantity: '2.5',
      pricing: { version: 1, usage: { model: 'a' } },
      ...more,
    });
    const unknown = randomUUID();
    const { spendMetered } = createSpender(db);
    const use = metered({ amount: 3, actor: 'ada' });
    const answers = await Promise.allSettled([
      spendMetered(use),
      spendMetered({ ...use, amount: 30, pricing: { version: 2, usage: { model: 'a' } } }),
      spendMetered({ ...use, pricing: { version: 1, usage: { model: 'b' } } }),
      spendMetered(metered({ accountId: unknown, amount: 0 })),
      // Refused by the database: it may not take the others with it.
      spendMetered(metered({ accountId: other as string, quantity: '1e30' })),
    ]);
    expect(answers).toMatchObject([
      { value: { available: 97, replayed: false } },
      { value: { available: 97, replayed: true } },
      { reason: { code: 'idempotency_key_reused' } },
      { value: { available: 0, replayed: false } },
      { reason: { code: 'invalid_input' } },
    ]);
    const [entry] = await listEntries(db, { accountId: accountId as string, limit: 1 });
    expect(entry).toMatchObject({ amount: -3, meter: 'page', actor: 'ada', pricing: use.pricing });
    expect(await readBalance(db, other as string)).toMatchObject({ available: 100 });
    expect(await verifyLedger(db)).toEqual([]);
  });

  it('and are made by users are refused for those who are no members, or only read', async () => {
    const [accountId, other] = await manyFunded(2);
    const [owner, reader, stranger] = [randomUUID(), randomUUID(), randomUUID()];
    const member = 'select credits.set_member($1, $2, $3)';
    await db.query(member, [accountId as string, owner, 'owner']);
    await db.query(member, [accountId as string, reader, 'viewer']);
    const { spend: spends } = createSpender(db);
    const by = (actor: string) => codeOf(spends(newSpend(accountId as string, { actor })));
    const answers = [by(owner), by(reader), by(stranger), by('agent')];
    expect(await Promise.all([...answers, codeOf(spends(newSpend(other as string)))])).toEqual([
      'spent',
      'role_too_low',
      'not_a_member',
      'spent',
      'spent',
    ]);
  });

  it('of one account keep their order, also when it was locked', async () => {
    const [accountId, other] = await manyFunded(2);
    const { spend: spends } = createSpender(db);
    const unlock = await lock(accountId as string);
    const ask = (from: number) =>
      Array.from({ length: 30 }, (_, n) => [
        spends(newSpend(accountId as string, { idempotencyKey: `job:${from + n}` })),
        spends(newSpend(other as string)),
      ]).flat();
    const early = ask(0);
    await early[1];
    const late = ask(30);
    await late[1];
    await unlock();
    await Promise.all([...early, ...late]);
    const entries = await listEntries(db, { accountId: accountId as string, limit: 100 });
    const keys = entries.map(({ idempotencyKey }) => idempotencyKey).reverse();
    expect(keys).toEqual(['grant', ...Array.from({ length: 60 }, (_, n) => `job:${n}`)]);
  });

  it('of locked accounts hold up nobody else', async () => {
    const locked = await manyFunded(3);
    const others = await manyFunded(20);
    const { spend: spends } = createSpender(db);
    const unlock = await lock(...locked);
    const waiting = Array.from({ length: 4 }, () =>
      locked.map((one) => codeOf(spends(newSpend(one)))),
    ).flat();
    for (let round = 0; round < 10; round += 1) {
      const answers = others.map((accountId) => codeOf(spends(newSpend(accountId))));
      waiting.push(...locked.map((one) => codeOf(spends(newSpend(one)))));
      expect(new Set(await Promise.all(answers))).toEqual(new Set(['spent']));
    }
    await unlock();
    const outcomes = await Promise.all(waiting);
    // Whoever waited longer than the lock timeout was told so, and nothing of it was written.
    expect(outcomes.every((one) => one === 'spent' || one === 'database_unavailable')).toBe(true);
    const balances = await Promise.all(locked.map((accountId) => readBalance(db, accountId)));
    const spent = 300 - balances.reduce((sum, { available }) => sum + available, 0);
    expect(spent).toBe(outcomes.filter((one) => one === 'spent').length);
    expect(await verifyLedger(db)).toEqual([]);
  });

  it('of an account that time has changed are settled first', async () => {
    const [due, other] = [randomUUID(), await funded(100)];
    const grant = { accountId: due, amount: 10, source: 'test' };
    const effectiveAt = new Date(Date.now() - 60_000);
    const expiresAt = new Date(Date.now() + 300);
    await issueGrant(db, { ...grant, idempotencyKey: 'short', effectiveAt, expiresAt });
    await issueGrant(db, { ...grant, idempotencyKey: 'long' });
    await placeHold(db, { accountId: due, amount: 1, idempotencyKey: 'h', expiresInSeconds: 0.1 });
    await expect.poll(async () => (await readBalance(db, due)).posted).toBe(10);
    const { spend: spends } = createSpender(db);
    const answers = await Promise.all([
      spends(newSpend(other)),
      spends(newSpend(due, { amount: 4 })),
      spends(newSpend(due, { amount: 4 })),
    ]);
    expect(answers.map(({ available }) => available)).toEqual([99, 6, 2]);
    expect(await verifyLedger(db)).toEqual([]);
  });

  it.skipIf(isPooled)('and whose connection dies are made once or not at all', async () => {
    const accounts = (await manyFunded(40)).sort();
    const last = accounts.at(-1) as string;
    const unlock = await lock(last);
    const items = accounts.map((accountId) => newSpend(accountId));
    const lost = codeOf(spendBatch(db, items));
    const inBatch = `query like '%spend_batch%' and datname = current_database()
      and pid <> pg_backend_pid()`;
    const waiting = `select pid from ${LOCK_WAITS} a where ${inBatch}`;
    await expect.poll(async () => (await db.query(waiting)).length).toBe(1);
    await db.query(`select pg_terminate_backend(pid) from (${waiting}) w`);
    expect(await lost).toBe('database_unavailable');
    await unlock();
    const balances = await Promise.all(accounts.map((accountId) => readBalance(db, accountId)));
    expect(new Set(balances.map(({ available }) => available))).toEqual(new Set([100]));
    const { spend: spends } = createSpender(db);
    const twice = await Promise.all([...items, ...items].map((item) => spends(item)));
    expect(new Set(twice.map(({ available }) => available))).toEqual(new Set([99]));
    expect(twice.filter(({ replayed }) => replayed)).toHaveLength(items.length);
    expect(await verifyLedger(db)).toEqual([]);
  });

  // On a cluster each is several statements to a worker.
  const many = isOnCluster ? 10_000 : 100_000;
  it(`${many} in one call are each answered, in order`, { timeout: 300_000 }, async () => {
    const accounts = await manyFunded(50);
    // As long as it takes on a busy machine.
    const patient = connect({ url: database.url, statementTimeoutMs: 240_000 });
    try {
      const items = Array.from({ length: many }, (_, n) =>
        newSpend(accounts[n % 50] as string, { idempotencyKey: `job:${n % (many - 1_000)}` }),
      );
      const results = await spendBatch(patient, items);
      expect(results.map(({ idempotencyKey }) => idempotencyKey)).toEqual(
        items.map(({ idempotencyKey }) => idempotencyKey),
      );
      const count = (status: string) => results.filter((one) => one.status === status).length;
      expect(count('spent')).toBe(5_000);
      expect(count('insufficient_credits')).toBe(many - 6_000);
      expect(count('replayed')).toBe(1_000);
    } finally {
      await patient.close();
    }
    expect(await verifyLedger(db)).toEqual([]);
  });

  it('may be none', async () => {
    expect(await spendBatch(db, [])).toEqual([]);
  });
});

describe('credits.spend_batch', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  it.each(['p_metadata', 'p_actors', 'p_features', 'p_meters', 'p_quantities', 'p_pricings'])(
    'refuses a list of another length: %s',
    async (list) => {
      const call = `select * from credits.spend_batch($1, $2, $3, ${list} => $4)`;
      const values = [[randomUUID()], [1], ['key'], [null, null]];
      await expect(database.db.query(call, values)).rejects.toMatchObject({
        code: 'invalid_input',
      });
    },
  );

  it.skipIf(isOnCluster)(
    'that does not wait answers busy, or that an account is not there',
    async () => {
      const { db } = database;
      const [accountId, unknown] = [randomUUID(), randomUUID()];
      await issueGrant(db, { accountId, amount: 5, idempotencyKey: 'g', source: 'test' });
      const statuses = await db.transaction(async (tx) => {
        await tx.query('select credits.set_debt_limit($1, null)', [accountId]);
        return db.query(
          'select status, posted from credits.spend_batch($1, $2, $3, p_wait => false)',
          [
            [accountId, unknown, accountId],
            [1, 1, 9],
            ['a', 'b', 'c'],
          ],
        );
      });
      expect(statuses).toEqual([
        { status: 'busy', posted: null },
        { status: 'insufficient_credits', posted: 0 },
        { status: 'busy', posted: null },
      ]);
    },
  );

  it.runIf(isOnCluster)('is refused where it cannot pass over locked accounts', async () => {
    const call = 'select * from credits.spend_batch($1, $2, $3, p_wait => false)';
    await expect(database.db.query(call, [[randomUUID()], [1], ['key']])).rejects.toMatchObject({
      details: { sqlstate: '0A000' },
    });
  });
});
