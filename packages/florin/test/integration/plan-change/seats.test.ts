import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { setMember } from '../../../src/members/index.ts';
import { runFlorin } from '../../support/florin-process.ts';
import { openPlanService, PLANS, type PlanService, type Subscriber } from './plan-service.ts';

const SEATS = {
  ...PLANS,
  price_BASIC_MONTHLY: {
    credits: 100,
    reason: 'basic_plan_monthly',
    planType: 'basic',
    kind: 'recurring',
    perSeat: true,
  },
};

describe('a price by the seat', () => {
  let service: PlanService;
  beforeAll(async () => {
    service = await openPlanService({}, {}, SEATS);
  });
  afterAll(() => service.close());

  async function change(buyer: Subscriber, quantity: number): Promise<void> {
    const body = { priceId: 'price_BASIC_MONTHLY', quantity };
    const { body: shown } = await service.preview(buyer.id, body);
    expect((await service.confirm(buyer.id, shown.preview)).status).toBe(200);
    await service.sandbox.settled();
  }

  async function seatsOf({ id }: Subscriber) {
    const { body } = await service.ask(`/api/admin/accounts/${id}`, { as: 'server' });
    return body.seats;
  }

  async function addMembers(buyer: Subscriber, roles: readonly ('member' | 'viewer')[]) {
    for (const role of roles) {
      const of = { accountId: buyer.id, userId: randomUUID(), by: undefined };
      await setMember(service.fresh.db, { ...of, role });
    }
  }

  it('grants quantity × credits to the pool; seats more or fewer in mid-month move their share', async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY', 4);
    expect(await service.available(buyer.id)).toBe(400);
    expect(await seatsOf(buyer)).toEqual({ bought: 4, members: 1 });
    await service.sandbox.advance({ days: 15 });
    await change(buyer, 6);
    const up = await service.available(buyer.id);
    // Half a month is left, of 28 to 31 days.
    expect(Math.abs(up - 500)).toBeLessThanOrEqual(8);
    expect(await seatsOf(buyer)).toEqual({ bought: 6, members: 1 });
    await change(buyer, 3);
    expect(Math.abs((await service.available(buyer.id)) - (up - 150))).toBeLessThanOrEqual(12);
    await change(buyer, 4);
    expect(Math.abs((await service.available(buyer.id)) - 400)).toBeLessThanOrEqual(4);
    expect(await seatsOf(buyer)).toEqual({ bought: 4, members: 1 });
  });

  it('is compared with the members who may use credits, by the console and florin doctor', {
    timeout: 60_000,
  }, async () => {
    const buyer = await service.subscribed('price_BASIC_MONTHLY', 2);
    await addMembers(buyer, ['member', 'member', 'viewer']);
    expect(await seatsOf(buyer)).toEqual({ bought: 2, members: 3 });

    const folder = await mkdtemp(join(tmpdir(), 'florin-seats-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const catalog = join(folder, 'florin.config.json');
    await writeFile(catalog, JSON.stringify({ prices: SEATS }));
    const env = { DATABASE_URL: service.fresh.url, FLORIN_CATALOG: catalog };
    const { stdout } = await runFlorin(['doctor', '--json'], { env });
    const { checks } = JSON.parse(stdout) as { checks: { name: string }[] };
    expect(checks.find(({ name }) => name === 'seats')).toMatchObject({
      status: 'warning',
      found: `${buyer.id} has 2 seats, 3 members`,
    });
    const spent = await service.ask(`/api/accounts/${buyer.id}/spend`, {
      as: 'server',
      method: 'POST',
      headers: { 'idempotency-key': 'used' },
      body: { amount: 1 },
    });
    expect(spent.status).toBe(200);
  });

  it('is refused for what is bought once', () => {
    const price = { credits: 50, reason: 'pack', planType: 'credits', kind: 'one_time' };
    expect(() => parseCatalog({ prices: { pack: { ...price, perSeat: true } } })).toThrow(
      /prices\.pack\.perSeat: only a recurring price may have it/,
    );
  });
});
