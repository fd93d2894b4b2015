import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rollUpUsage } from '../../../src/ledger/index.ts';
import { openService, type TestService } from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => service.close());

const post = (path: string, body: unknown) =>
  service.ask(`/api/accounts/${path}`, {
    as: 'server',
    body,
    headers: { 'idempotency-key': randomUUID() },
  });
const DAY_MS = 86_400_000;
/** So many days from today; a test may begin before midnight and end after it. */
const dayIn = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

async function used(): Promise<string> {
  const account = randomUUID();
  await post(`${account}/grants`, { amount: 100, source: 'bonus' });
  await post(`${account}/charge`, { meter: 'page', quantity: 4, actor: 'ada', feature: 'mail' });
  await post(`${account}/charge`, { meter: 'page', quantity: 2, actor: 'bob', feature: 'mail' });
  await post(`${account}/charge`, { meter: 'page.vision', quantity: 3, actor: 'ada' });
  await post(`${account}/spend`, { amount: 5, feature: 'scan' });
  const { body } = await post(`${account}/holds`, { amount: 9, actor: 'bob', feature: 'scan' });
  await post(`${account}/holds/${body.holdId}/capture`, { amount: 7 });
  return account;
}

/** Until nothing is left: other tests of this database write too. */
async function rollUp(): Promise<void> {
  while ((await rollUpUsage(service.fresh.db, 3)) > 0) {
    // A few entries at a time, so that an account is left in the middle.
  }
}

const sumOf = (groups: { spent: number }[]) => groups.reduce((sum, { spent }) => sum + spent, 0);

const groupsOf = async (account: string, by: string) =>
  (await service.ask(`/api/usage?by=${by}`, { as: account })).body.groups;

const EXPECTED: Record<string, object[]> = {
  meter: [
    { meter: 'page', spent: 6, quantity: '6' },
    { meter: 'page.vision', spent: 9, quantity: '3' },
    { meter: null, spent: 12, quantity: '0' },
  ],
  'feature,actor': [
    { feature: 'mail', actor: 'ada', spent: 4 },
    { feature: 'mail', actor: 'bob', spent: 2 },
    { feature: 'scan', actor: 'bob', spent: 7 },
    { feature: 'scan', actor: null, spent: 5 },
    { feature: null, actor: 'ada', spent: 9 },
  ],
};

describe('usage, grouped,', () => {
  it('is the same before the job ran, in its middle and after it', async () => {
    const account = await used();
    const check = async () => {
      for (const [by, groups] of Object.entries(EXPECTED)) {
        expect(await groupsOf(account, by)).toEqual(groups);
      }
      expect(sumOf(await groupsOf(account, 'day'))).toBe(27);
    };
    await check();
    await rollUpUsage(service.fresh.db, 3);
    await check();
    await rollUp();
    await check();
    const [{ kept }] = (await service.fresh.db.query(
      'select sum(spent)::bigint as kept from credits.usage_days where account_id = $1',
      [account],
    )) as [{ kept: number }];
    expect(Number(kept)).toBe(27);
    await post(`${account}/charge`, { meter: 'page', quantity: 1, actor: 'ada', feature: 'mail' });
    expect((await groupsOf(account, 'actor,meter'))[0]).toEqual({
      actor: 'ada',
      meter: 'page',
      spent: 5,
      quantity: '5',
    });
  });

  it('is counted once, however many jobs run at once beside spends', async () => {
    const account = randomUUID();
    await post(`${account}/grants`, { amount: 100, source: 'bonus' });
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        n % 4 === 0
          ? rollUpUsage(service.fresh.db, 5)
          : post(`${account}/spend`, { amount: 1, actor: `a${n % 3}` }),
      ),
    );
    await rollUp();
    const groups: { spent: number }[] = await groupsOf(account, 'actor');
    expect(groups.map(({ spent }) => spent)).toEqual([10, 10, 10]);
  });

  it('reads no entry that the job has added up', async () => {
    const account = await used();
    await rollUp();
    const read = await service.fresh.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      // If they were read again, these amounts would be counted.
      await tx.query('update credits.entries set amount = -1000 where account_id = $1', [account]);
      return tx.query(
        `select sum(spent)::int as spent
           from credits.read_usage($1, current_date - 1, current_date + 1, '{meter}')`,
        [account],
      );
    });
    expect(read).toEqual([{ spent: 27 }]);
  });

  it('is for operators of any account, and for buyers of their own', async () => {
    const account = await used();
    const path = `/api/admin/accounts/${account}/usage`;
    const seen = await service.ask(`${path}?by=meter`, { as: 'server' });
    expect(seen.status).toBe(200);
    expect(seen.body).toMatchObject({ by: ['meter'], groups: EXPECTED['meter'] });
    const daily = await service.ask(path, { as: 'server' });
    expect(daily.body.days).toHaveLength(30);
    expect(sumOf(daily.body.days)).toBe(27);
    expect((await service.ask(path, { as: account })).status).toBe(403);
    expect(await groupsOf(randomUUID(), 'meter')).toEqual([]);
  });

  it('is of the days asked for', async () => {
    const account = await used();
    await rollUp();
    const ask = (query: string) => service.ask(`/api/usage?by=day&${query}`, { as: account });
    expect((await ask('from=2026-01-01&to=2026-01-31')).body).toEqual({
      from: '2026-01-01',
      to: '2026-01-31',
      by: ['day'],
      groups: [],
    });
    const { body } = await ask(`from=${dayIn(-1)}&to=${dayIn(1)}`);
    expect(sumOf(body.groups)).toBe(27);
    expect((await ask(`from=${dayIn(2)}&to=${dayIn(3)}`)).body.groups).toEqual([]);
  });

  it.each([
    'by=model',
    'by=',
    'by=day,',
    'by=day;meter',
    'by=day&from=yesterday',
    'by=day&from=2020-01-01&to=2022-01-01',
  ])('is refused with %s', async (query) => {
    const answer = await service.ask(`/api/usage?${query}`, { as: randomUUID() });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
  });
});
