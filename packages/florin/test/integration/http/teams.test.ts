import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMembers, type Members } from '../../../src/members/index.ts';
import { openService, type TestService } from './florin-service.ts';

let service: TestService;
let members: Members;
beforeAll(async () => {
  service = await openService();
  members = createMembers(service.fresh.db);
});
afterAll(() => service.close());

/** A team with two owners, who have accounts of their own besides. */
async function newTeam() {
  const [team, ada, bob] = [randomUUID(), randomUUID(), randomUUID()];
  for (const userId of [ada, bob]) {
    await members.set({ accountId: team, userId, role: 'owner' });
  }
  return { team, ada, bob };
}

const buy = (as: string, account: string | undefined, body: object = {}) =>
  service.ask('/api/create-checkout-session', {
    as,
    body: { priceId: 'price_QUICK_SCAN', ...body },
    headers: account === undefined ? {} : { 'florin-account': account },
  });
const available = async (accountId: string) =>
  (await service.ask(`/api/accounts/${accountId}`, { as: 'server' })).body.available;
const sessionOf = ({ body }: { body: { sessionId: string } }) =>
  service.stripe.checkout.sessions.retrieve(body.sessionId, { expand: ['customer'] });

describe('buying for a team', () => {
  it('credits the team, whose customer it is, and notes who bought', async () => {
    const { team, ada } = await newTeam();
    const own = await buy(ada, undefined);
    const started = await buy(ada, team);
    expect(started.body.sessionId).not.toBe(own.body.sessionId);
    const session = await sessionOf(started);
    expect(session).toMatchObject({
      client_reference_id: team,
      metadata: { userId: team, boughtBy: ada },
      customer: { metadata: { userId: team }, email: null },
    });
    expect(session.success_url).toContain(`&account=${team}`);
    expect(session.cancel_url).toContain(`&account=${team}`);
    await service.sandbox.pay(started.body.sessionId);
    await service.sandbox.settled();
    expect([await available(team), await available(ada)]).toEqual([50, 0]);
    // What she buys for herself stays hers, at a customer of her own.
    await service.sandbox.pay(own.body.sessionId);
    await service.sandbox.settled();
    expect([await available(team), await available(ada)]).toEqual([50, 50]);
    const mine = await sessionOf(own);
    expect(mine.metadata).not.toHaveProperty('boughtBy');
    expect(mine).toMatchObject({
      metadata: { userId: ada },
      customer: { metadata: { userId: ada } },
    });
    expect(mine.success_url).not.toContain('account=');
    const status = (account: string) =>
      service.ask(`/api/checkout-sessions/${started.body.sessionId}?account=${account}`, {
        as: ada,
      });
    expect((await status(team)).body).toMatchObject({ state: 'paid', credits: 50 });
    expect((await status(ada)).status).toBe(404);
    const portal = await service.ask('/api/create-portal-session', {
      as: ada,
      method: 'POST',
      headers: { 'florin-account': team },
    });
    expect(portal.status).toBe(200);
  });

  it('is one customer, whoever owns it, and two checkouts where two buy', async () => {
    const { team, ada, bob } = await newTeam();
    const [first, second, again] = [
      await buy(ada, team),
      await buy(bob, team),
      await buy(ada, team),
    ];
    expect(again.body).toEqual(first.body);
    const sessions = [await sessionOf(first), await sessionOf(second)];
    expect(sessions.map(({ metadata }) => metadata?.['boughtBy'])).toEqual([ada, bob]);
    const customers = new Set(sessions.map(({ customer }) => (customer as { id: string }).id));
    expect(customers.size).toBe(1);
  });

  it('is one subscription for the team, beside those of its owners', async () => {
    const { team, ada, bob } = await newTeam();
    const plan = { priceId: 'price_BASIC_MONTHLY' };
    const started = await buy(ada, team, plan);
    await service.sandbox.pay(started.body.sessionId);
    await service.sandbox.settled();
    expect(await buy(bob, team, plan)).toMatchObject({
      status: 409,
      body: { code: 'already_subscribed' },
    });
    expect((await buy(bob, undefined, plan)).status).toBe(200);
    const current = await service.ask(`/api/subscriptions?account=${team}`, { as: bob });
    expect(current.body.subscriptions).toMatchObject([plan]);
    expect((await service.ask('/api/subscriptions', { as: ada })).body.subscriptions).toEqual([]);
    const { subscription } = await sessionOf(started);
    const { metadata } = await service.stripe.subscriptions.retrieve(String(subscription));
    expect(metadata).toMatchObject({ userId: team, boughtBy: ada });
    // A change that was shown for the team is not one for somebody else.
    const ask = (path: string, account: string, body: object) =>
      service.ask(path, { as: ada, body, headers: { 'florin-account': account } });
    const shown = await ask('/api/change-plan/preview', team, { priceId: 'price_PRO_MONTHLY' });
    expect(shown.status).toBe(200);
    const { preview } = shown.body;
    expect((await ask('/api/change-plan', ada, { preview })).status).toBeGreaterThan(399);
    expect((await ask('/api/change-plan', team, { preview })).status).toBe(200);
  });

  it('by a server says who buys, and is held to their role', async () => {
    const { team, ada } = await newTeam();
    const started = await buy('server', team, { userId: ada });
    expect((await sessionOf(started)).metadata).toMatchObject({ userId: team, boughtBy: ada });
    expect(await buy('server', team, { userId: randomUUID() })).toMatchObject({
      status: 403,
      body: { code: 'not_a_member' },
    });
    const plain = await buy('server', undefined, { userId: ada });
    expect((await sessionOf(plain)).metadata).toMatchObject({ userId: ada });
  });

  it('takes no buyer’s word for who bought', async () => {
    const { team, ada } = await newTeam();
    for (const key of ['boughtBy', 'bought_by', 'BOUGHTBY']) {
      const answer = await buy(ada, team, { metadata: { [key]: randomUUID() } });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    }
  });
});

describe('a live balance of a team', () => {
  async function watch(as: string, account: string) {
    const response = await fetch(`${service.url}/api/balance/stream?account=${account}`, {
      headers: { authorization: `Bearer ${await service.project.token({ sub: as })}` },
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const seen = { status: response.status, text: '', ended: false };
    const ended = (async () => {
      for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
        seen.text += part.value;
      }
      seen.ended = true;
    })();
    return { seen, ended };
  }
  const grant = (accountId: string, amount: number) =>
    service.ask(`/api/accounts/${accountId}/grants`, {
      as: 'server',
      body: { amount },
      headers: { 'idempotency-key': randomUUID() },
    });

  it('ends for a member who is removed, here and by another process, and is refused again', async () => {
    const { team, ada, bob } = await newTeam();
    const [eve, carl] = [randomUUID(), randomUUID()];
    for (const userId of [eve, carl]) {
      await members.set({ accountId: team, userId, role: 'viewer' });
    }
    const own = await watch(ada, ada);
    const [first, second, third] = [
      await watch(eve, team),
      await watch(carl, team),
      await watch(bob, team),
    ];
    await grant(team, 7);
    for (const { seen } of [first, second, third]) {
      await expect.poll(() => seen.text).toContain('"available":7');
    }
    const path = `/api/accounts/${team}/members/${eve}`;
    expect((await service.ask(path, { as: ada, method: 'DELETE' })).status).toBe(204);
    await first.ended;
    await members.remove({ accountId: team, userId: carl });
    await second.ended;
    await grant(team, 1);
    await expect.poll(() => third.seen.text).toContain('"available":8');
    expect(third.seen.ended || own.seen.ended).toBe(false);
    for (const { seen } of [first, second]) {
      expect(seen.text).not.toContain('"available":8');
    }
    expect((await watch(eve, team)).seen.status).toBe(403);
    expect((await service.ask('/api/accounts', { as: eve })).body.accounts).toEqual([
      { accountId: eve, role: 'owner' },
    ]);
    service.app.close();
    await Promise.all([third.ended, own.ended]);
  });
});
