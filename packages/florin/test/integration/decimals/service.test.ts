import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { keepDecimals } from '../../../src/ledger/index.ts';
import { buyCredits } from '../../support/bought.ts';
import { openService, type TestService } from '../http/florin-service.ts';

const CATALOG = {
  credit: { decimals: 2 },
  prices: {
    price_QUICK_SCAN: {
      credits: '12.5',
      reason: 'quick_scan_purchase',
      planType: 'credits',
      kind: 'one_time',
    },
  },
  debtLimit: 0.5,
  usage: { page: { credits: '0.003' }, 'page.vision': { credits: 0.25 } },
};
const operator = (sub: string) => ({
  sub,
  app_metadata: { provider: 'email', florin_role: 'operator' },
});

let service: TestService;
beforeAll(async () => {
  service = await openService({ catalog: parseCatalog(CATALOG) });
  await keepDecimals(service.fresh.db, 2);
});
afterAll(() => service.close());

const key = () => ({ 'idempotency-key': crypto.randomUUID() });
const write = (account: string, what: string, body: object, headers = key()) =>
  service.ask(`/api/accounts/${account}/${what}`, { body, headers, as: 'server' });
/** Posts a body as it is written: JSON.stringify would write some of these numbers anew. */
const writeText = (account: string, what: string, body: string) =>
  service.ask(`/api/accounts/${account}/${what}`, {
    body,
    headers: { ...key(), 'content-type': 'application/json' },
    as: 'server',
  });

async function unitsOf(account: string): Promise<number> {
  const [row] = await service.fresh.db.query<{ posted: number }>(
    'select posted from credits.read_balance($1)',
    [account],
  );
  return row?.posted ?? 0;
}

describe('the service of a catalogue with two decimals', () => {
  it('grants, spends, holds, captures and reads in credits, and keeps whole units', async () => {
    const account = crypto.randomUUID();
    const granted = await write(account, 'grants', { amount: '10.5' });
    expect(granted.body).toMatchObject({ posted: '10.5', held: 0, available: '10.5' });
    const spent = await writeText(account, 'spend', '{"amount": 0.25}');
    expect(spent.body).toMatchObject({ posted: '10.25', available: '10.25' });
    const hold = await write(account, 'holds', { amount: 0.75 });
    expect(hold.body).toMatchObject({ posted: '10.25', held: '0.75', available: '9.5' });
    const { holdId } = hold.body as { holdId: string };
    const captured = await write(account, `holds/${holdId}/capture`, { amount: '0.5' });
    expect(captured.body).toMatchObject({ captured: '0.5', uncovered: 0, available: '9.75' });
    expect(await unitsOf(account)).toBe(975);

    const read = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(read.body).toMatchObject({
      available: '9.75',
      grants: [{ amount: '10.5', spent: '0.75', contributes: '9.75' }],
    });
    const history = await service.ask('/api/transactions', { as: account });
    const { transactions } = history.body as { transactions: { amount: unknown }[] };
    expect(transactions.map(({ amount }) => amount)).toEqual(['-0.5', 0, '-0.25', '10.5']);
    const usage = await service.ask('/api/usage', { as: account });
    const { days } = usage.body as { days: { spent: unknown; granted: unknown }[] };
    expect(days.at(-1)).toMatchObject({ spent: '0.75', granted: '10.5' });
    const grouped = await service.ask('/api/usage?by=day', { as: account });
    expect(grouped.body).toMatchObject({ groups: [{ spent: '0.75' }] });
  });

  it('replays the same amount, however it was written', async () => {
    const account = crypto.randomUUID();
    await write(account, 'grants', { amount: 1 });
    const once = key();
    await write(account, 'spend', { amount: 0.5 }, once);
    const again = await write(account, 'spend', { amount: '0.50' }, once);
    expect(again.body).toMatchObject({ replayed: true, available: '0.5' });
    const other = await write(account, 'spend', { amount: '0.51' }, once);
    expect(other.body).toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('prices uses to the smallest unit, rounded up once', async () => {
    const account = crypto.randomUUID();
    await write(account, 'grants', { amount: 1 });
    const charged = await write(account, 'charge', { meter: 'page', quantity: 7 });
    expect(charged.body).toMatchObject({ credits: '0.03', available: '0.97' });
    const quote = await service.ask(`/api/accounts/${account}/quote?meter=page.vision&quantity=4`, {
      as: 'server',
    });
    expect(quote.body).toMatchObject({ credits: 1, affordable: false, available: '0.97' });
  });

  it('refuses in credits: too little, a limit, debt beyond the allowed', async () => {
    const account = crypto.randomUUID();
    await write(account, 'grants', { amount: '1.5' });
    const short = await write(account, 'spend', { amount: 2.25 });
    expect(short.body).toMatchObject({
      code: 'insufficient_credits',
      available: '1.5',
      required: '2.25',
      detail: expect.stringContaining('has 1.5 credits available and 2.25 are needed'),
    });
    const set = await service.ask(`/api/accounts/${account}/limits`, {
      method: 'PUT',
      body: { credits: '0.75', window: 'lifetime' },
      as: 'server',
    });
    expect(set.body).toMatchObject({ limits: [{ credits: '0.75', used: 0 }] });
    const limited = await write(account, 'spend', { amount: 1 });
    expect(limited.body).toMatchObject({
      code: 'limit_reached',
      limit: '0.75',
      used: 0,
      detail: expect.stringContaining('The limit of 0.75 credits (lifetime)'),
    });
    const hold = await write(account, 'holds', { amount: '0.05' });
    const { holdId } = hold.body as { holdId: string };
    const over = await write(account, `holds/${holdId}/capture`, { amount: '0.06' });
    expect(over.body).toMatchObject({
      code: 'amount_not_allowed',
      detail: expect.stringContaining('The hold reserves 0.05 credits; 0.06 cannot be captured.'),
    });
  });

  it.each([
    '"1e3"',
    '"1.234"',
    '1.234',
    '" 1"',
    '"１"',
    `"0.1${'0'.repeat(400)}"`,
    `0.0${'0'.repeat(400)}1`,
    '-0',
    '"-0.00"',
    '0',
    '-0.25',
    '"NaN"',
    'NaN',
    '1e-7',
    '1e300',
    '"90071992547409.92"',
    '90071992547409.91',
    'null',
    'true',
    '[0.25]',
    '{"amount": 0.25}',
  ])('refuses the amount %s by name, and writes nothing', async (amount) => {
    const account = crypto.randomUUID();
    await write(account, 'grants', { amount: 5 });
    const { status, body } = await writeText(account, 'spend', `{"amount": ${amount}}`);
    expect(status).toBe(400);
    const { code, detail } = body as { code: string; detail: string };
    expect(code).toBe('invalid_input');
    expect(detail).toMatch(amount === 'NaN' ? /not valid JSON/ : /^amount: /);
    expect(detail).not.toContain('whole number of credits');
    expect(await unitsOf(account)).toBe(500);
  });

  it('tells what a member used', async () => {
    const account = crypto.randomUUID();
    const member = crypto.randomUUID();
    await write(account, 'grants', { amount: 2 });
    const set = await service.ask(`/api/accounts/${account}/members/${member}`, {
      method: 'PUT',
      body: { role: 'admin' },
      as: 'server',
    });
    expect(set.status).toBeLessThan(300);
    await write(account, 'spend', { amount: '0.75', actor: member });
    const { body } = await service.ask(`/api/accounts/${account}/members`, { as: 'server' });
    expect(body).toMatchObject({ members: [{ userId: member, used: '0.75' }] });
  });

  it('moves bought credits, and says how many there are to move', async () => {
    const [from, to] = [crypto.randomUUID(), crypto.randomUUID()];
    await buyCredits(service.fresh.db, { accountId: from, amount: 150 });
    await write(from, 'grants', { amount: 5 });
    const move = (amount: string) =>
      service.ask('/api/transfers', {
        body: { from, to, amount, reason: 'a test' },
        headers: key(),
        as: 'server',
      });
    expect((await move('0.25')).body).toMatchObject({ available: '6.25' });
    expect((await move('1.35')).body).toMatchObject({
      code: 'insufficient_credits',
      available: '1.25',
      required: '1.35',
      detail: expect.stringMatching(/^Only 1\.25 credits can be moved, 1\.35 were to be\./),
    });
    expect([await unitsOf(from), await unitsOf(to)]).toEqual([625, 25]);
  });

  it('writes to the log in credits', async () => {
    const account = crypto.randomUUID();
    const ops = `Bearer ${await service.project.token(operator(crypto.randomUUID()))}`;
    await write(account, 'grants', { amount: 2 });
    const body = { amount: '0.25', reason: 'a test', idempotencyKey: crypto.randomUUID() };
    await service.ask(`/api/admin/accounts/${account}/grant`, { body, as: ops });
    expect(service.logs).toContainEqual(
      expect.objectContaining({ message: 'an operator grants credits', amount: '0.25' }),
    );
  });

  it('shows operators credits, and takes corrections of fractions', async () => {
    const account = crypto.randomUUID();
    const ops = `Bearer ${await service.project.token(operator(crypto.randomUUID()))}`;
    await write(account, 'grants', { amount: 2 });
    const change = { reason: 'a test', idempotencyKey: crypto.randomUUID() };
    const adjusted = await service.ask(`/api/admin/accounts/${account}/adjust`, {
      body: { amount: '-0.35', ...change },
      as: ops,
    });
    expect(adjusted.body).toMatchObject({ available: '1.65' });
    const nothing = await service.ask(`/api/admin/accounts/${account}/adjust`, {
      body: { amount: '0.00', ...change },
      as: ops,
    });
    expect(nothing.body).toMatchObject({ code: 'invalid_input', detail: 'amount: must not be 0' });
    const shown = await service.ask(`/api/admin/accounts/${account}`, { as: ops });
    expect(shown.body).toMatchObject({
      balance: { available: '1.65' },
      grants: [{ amount: 2, remaining: '1.65', burned: '0.35' }],
      entries: [{ amount: '-0.35', postedAfter: '1.65' }, { amount: 2 }],
    });
    const found = await service.ask(`/api/admin/accounts?query=${account}`, { as: ops });
    expect(found.body).toMatchObject({ accounts: [{ available: '1.65' }] });
  });

  it('streams the balance in credits', async () => {
    const account = crypto.randomUUID();
    await write(account, 'grants', { amount: '0.75' });
    const controller = new AbortController();
    const response = await fetch(`${service.url}/api/balance/stream`, {
      headers: { authorization: `Bearer ${await service.project.token({ sub: account })}` },
      signal: controller.signal,
    });
    let text = '';
    for await (const part of response.body ?? []) {
      text += new TextDecoder().decode(part);
      if (text.includes('data: ')) {
        break;
      }
    }
    controller.abort();
    expect(text).toContain('"available":"0.75"');
  });

  it('tells shops what a purchase brings, and its document that amounts may be texts', async () => {
    const plans = await service.ask('/api/plans');
    expect(plans.body).toMatchObject({ plans: [{ credits: '12.5' }] });
    expect((await service.ask('/api/config')).body).toMatchObject({ creditDecimals: 2 });
    const { body } = await service.ask('/openapi.json');
    type Document = { components: { schemas: { Balance: { properties: object } } } };
    const { Balance } = (body as Document).components.schemas;
    expect(Balance.properties).toMatchObject({
      posted: { type: ['number', 'string'], format: 'credits' },
    });
  });

  it("keeps the seed's names whole: rounded down, and deltas that add up to the balance", async () => {
    const account = crypto.randomUUID();
    const { db } = service.fresh;
    await db.query(
      "select public.add_user_credits($1, 3, 'evt_1', 'pi_1', 'price_1', 'test', 'credits')",
      [account],
    );
    expect(await unitsOf(account)).toBe(300);
    for (const amount of ['0.25', '0.25', '0.75']) {
      await write(account, 'spend', { amount });
    }
    const deltas = await db.query<{ delta: number }>(
      'select delta from public.credits_transactions where user_id = $1 order by created_at',
      [account],
    );
    const rows = await db.query<{ balance: number; count: number }>(
      'select balance, transaction_count as count from public.credits_balance_mv where user_id = $1',
      [account],
    );
    expect(await unitsOf(account)).toBe(175);
    expect(rows).toEqual([{ balance: 1, count: 4 }]);
    const read = await db.query('select public.get_user_credit_balance($1) as balance', [account]);
    expect(read).toEqual([{ balance: 1 }]);
    expect(deltas.map(({ delta }) => delta)).toEqual([3, -1, 0, -1]);
  });
});
