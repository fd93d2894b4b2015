import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../../src/db/index.ts';
import { drainInbox, listEvents, receiveWebhook } from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import { ACCOUNT, event, type Json, session, sessionLine, withLines } from './objects.ts';
import { asOwner, eventId, openShop, SECRET, type Shop, signed } from './shop.ts';

const FIXTURES = new URL('../../fixtures/stripe/', import.meta.url);
const PRICE = 'price_1IDQm5JDPojXS6LNM31hxKzp';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({
    catalog: testCatalog([
      { id: PRICE, credits: 40, reason: 'recorded', planType: 'free', kind: 'recurring' },
    ]),
  });
});
afterAll(() => shop.close());

function recorded(name: string, more: Json = {}): Json {
  const payload = JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')) as Json;
  const { object } = payload['data'] as { object: Json };
  return {
    ...payload,
    id: `evt_${name}`,
    livemode: false,
    data: { object: { ...object, ...more } },
  };
}

describe('a delivery', () => {
  it('that is not signed, altered or not an event stores nothing', async () => {
    const body = JSON.stringify(event('invoice.paid', { id: 'in_x' }));
    const good = signed(body);
    const refused = [
      { ...good, signature: undefined },
      { ...good, rawBody: Buffer.from(body.replace('in_x', 'in_y')) },
      { ...good, secrets: ['whsec_other'] },
      signed('{"not json'),
      signed('[]'),
      signed('{"object":"v2.core.event","id":"evt_2","type":"v1.billing"}'),
    ];
    for (const request of refused) {
      const outcome = await receiveWebhook(shop.deps, { ...request, secrets: request.secrets });
      expect(outcome.kind).toBe('refused');
    }
    expect(await listEvents(shop.deps.db)).toEqual([]);
  });

  it('announces the account it credited, once, after the commit', async () => {
    const told: [string, number][] = [];
    const quiet = await openShop({ catalog: shop.deps.catalog });
    const loud = quiet.with({
      announce: (accountId) => {
        void quiet.balance().then((balance) => told.push([accountId, balance]));
      },
    });
    const paid = event(
      'checkout.session.completed',
      session({ ...withLines([sessionLine(PRICE)]), id: 'cs_told' }),
    );
    await loud.deliver(paid);
    await loud.deliver(paid);
    await expect.poll(() => told).toEqual([[ACCOUNT, 40]]);
    await quiet.close();
  });

  it('over 1 MiB is refused as too large, one of just 1 MiB is read', async () => {
    const fill = (size: number) => {
      const payload = event('some.type', { id: 'x_1', note: '' });
      const length = Buffer.byteLength(JSON.stringify(payload));
      (payload['data'] as { object: Json }).object['note'] = 'x'.repeat(size - length);
      return signed(JSON.stringify(payload));
    };
    expect(await receiveWebhook(shop.deps, fill(1024 * 1024 + 1))).toMatchObject({
      kind: 'refused',
      code: 'payload_too_large',
    });
    expect(await receiveWebhook(shop.deps, fill(1024 * 1024))).toMatchObject({ kind: 'accepted' });
  });

  it('signed with a secret that is being rotated in is accepted', async () => {
    const request = signed(JSON.stringify(event('some.type', { id: 'x_2' })), 'whsec_new');
    expect(
      await receiveWebhook(shop.deps, { ...request, secrets: [SECRET, 'whsec_new'] }),
    ).toMatchObject({ kind: 'accepted' });
  });

  it('that cannot be stored raises, so that it is never answered with 200', async () => {
    const db = connect({ url: 'postgres://nobody@127.0.0.1:1/none', connectTimeoutMs: 500 });
    const away = shop.with({ db });
    await expect(away.deliver(event('some.type', { id: 'x_3' }))).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    await db.close();
  });
});

describe('recorded payloads', () => {
  it('are all stored and mean what they say', async () => {
    const userId = { metadata: { userId: ACCOUNT } };
    const meanings: Record<string, Json> = {
      'checkout_session_completed.json': {
        ...withLines([sessionLine('price_QUICK_SCAN')]),
        client_reference_id: ACCOUNT,
        customer: 'cus_recorded',
      },
      'invoice_paid.json': userId,
      'subscription_updated.json': userId,
    };
    for (const name of readdirSync(FIXTURES).filter((one) => one.endsWith('.json'))) {
      const payload = recorded(name, meanings[name] ?? {});
      await shop.deliver(payload);
      expect(await shop.inbox(eventId(payload)), name).toMatchObject({
        status: name === 'charge_succeeded.json' ? 'skipped' : 'processed',
      });
    }
    // The session's pack and the subscription's renewal; the refunds, the inquiry and the ended
    // subscription of the recording are about other payments.
    expect(await shop.balance()).toBe(50 + 40);
  });
});

describe('a worker that dies', () => {
  it('loses nothing: its lease ends and another takes the event', async () => {
    const payload = event(
      'checkout.session.completed',
      session({ id: 'cs_died', payment_intent: 'pi_died', client_reference_id: ACCOUNT }),
    );
    const before = await shop.balance();
    await shop.with({ stripe: null }).deliver(payload);
    // Claimed, and then nothing more is heard of the worker.
    await asOwner(
      shop.fresh,
      `update billing.events set next_attempt_at = now() where event_id = '${eventId(payload)}'`,
    );
    const claimed = await shop.deps.db.query(
      "select event_id from billing.claim_events(10, interval '5 minutes')",
    );
    expect(claimed).toEqual([{ eventId: eventId(payload) }]);
    expect((await drainInbox(shop.deps)).claimed).toBe(0);
    const back = shop.with({
      stripe: {
        ...shop.deps.stripe,
        sessionLines: async () => [
          {
            ...sessionLine('price_QUICK_SCAN'),
            priceId: 'price_QUICK_SCAN',
            discount: 0,
            amount: 500,
            lookupKey: null,
            quantity: 1,
            unitAmount: '500',
            recurring: false,
            proration: false,
            period: null,
            subscriptionId: null,
            description: null,
          },
        ],
      } as never,
    });
    await asOwner(
      shop.fresh,
      'update billing.events set next_attempt_at = now() where next_attempt_at is not null',
    );
    const workers = await Promise.all([1, 2, 3].map(() => drainInbox(back.deps)));
    expect(workers.reduce((sum, one) => sum + one.finished, 0)).toBe(1);
    expect(await shop.balance()).toBe(before + 50);
  });
});
