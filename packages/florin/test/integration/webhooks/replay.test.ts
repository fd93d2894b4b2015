import { describe, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../../src/db/index.ts';
import { type ReplayOutcome, replayEvent } from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import { charge, event, type Json, session, sessionLine, withLines } from './objects.ts';
import { asOwner, eventId, openShop, type Shop } from './shop.ts';

async function shopUnderTest(): Promise<Shop> {
  const shop = await openShop();
  onTestFinished(() => shop.close());
  return shop;
}

const purchase = (priceId: string, more: Json = {}) =>
  event('checkout.session.completed', session({ ...withLines([sessionLine(priceId)]), ...more }));

const knowing = (shop: Shop, id: string) =>
  shop.with({
    catalog: testCatalog([{ id, credits: 7, reason: 'new', planType: 'new', kind: 'one_time' }]),
  });

/** Runs `meanwhile` before the answer to the statement of which `text` is a part comes, once. */
function interrupted(db: Database, text: string, meanwhile: () => Promise<unknown>): Database {
  let done = false;
  return {
    ...db,
    query: async (statement: Parameters<Database['query']>[0], values?: never) => {
      const words = typeof statement === 'string' ? statement : statement.text;
      if (!done && words.includes(text)) {
        done = true;
        await meanwhile();
      }
      return db.query(statement, values);
    },
  } as Database;
}

describe('a replay', () => {
  it('tells what became of the event: failed and why, processed, skipped, or that there is none', async () => {
    const shop = await shopUnderTest();
    const payload = purchase('price_NEW');
    await shop.deliver(payload);
    const replay = (on: Shop, id: string): Promise<ReplayOutcome | undefined> =>
      replayEvent(on.deps, id);
    expect(await replay(shop, eventId(payload))).toEqual({
      status: 'failed',
      reason: expect.stringContaining('Paid for price price_NEW'),
    });
    expect(await replay(knowing(shop, 'price_NEW'), eventId(payload))).toEqual({
      status: 'processed',
      reason: 'Credited 7, taken back 0.',
    });
    expect(await replay(knowing(shop, 'price_NEW'), eventId(payload))).toMatchObject({
      status: 'processed',
    });
    expect(await shop.balance()).toBe(7);
    const useless = event('charge.succeeded', charge(0));
    await shop.deliver(useless);
    expect(await replay(shop, eventId(useless))).toMatchObject({
      status: 'skipped',
      reason: expect.stringContaining('not the charge'),
    });
    expect(await replay(shop, 'evt_none')).toBeUndefined();
  });

  it('is at once, however many events wait before it, and leaves those alone', async () => {
    const shop = await shopUnderTest();
    for (let index = 0; index < 60; index += 1) {
      await shop.deliver(
        purchase('price_OTHER', { id: `cs_w${index}`, payment_intent: `pi_w${index}` }),
      );
    }
    const payload = purchase('price_NEW');
    await shop.deliver(payload);
    await asOwner(
      shop.fresh,
      "update billing.events set next_attempt_at = now() - interval '1 hour'",
    );
    const outcome = await replayEvent(knowing(shop, 'price_NEW').deps, eventId(payload));
    expect(outcome).toMatchObject({ status: 'processed' });
    expect(
      await shop.deps.db.query('select distinct attempts from billing.events where status = $1', [
        'failed',
      ]),
    ).toEqual([{ attempts: 1 }]);
  });

  it('that meets a worker at the same event tells what that one did, and nothing is granted twice', async () => {
    const shop = await shopUnderTest();
    const known = knowing(shop, 'price_NEW');
    const payload = purchase('price_NEW');
    await shop.deliver(payload);
    // Between our decision and our write, a worker claims the event and finishes it.
    const db = interrupted(shop.deps.db, 'billing.apply_event', () => known.drain());
    expect(await replayEvent({ ...known.deps, db }, eventId(payload))).toEqual({
      status: 'processed',
      reason: 'Credited 7, taken back 0.',
    });
    expect(await shop.balance()).toBe(7);
    expect(await shop.grants()).toHaveLength(1);
  });

  it('whose event somebody has put back again meanwhile says that it is queued', async () => {
    const shop = await shopUnderTest();
    const known = knowing(shop, 'price_NEW');
    const payload = purchase('price_NEW');
    await shop.deliver(payload);
    let shown = 0;
    const finished = interrupted(shop.deps.db, 'billing.apply_event', () => known.drain());
    const db = {
      ...finished,
      query: async (statement: Parameters<Database['query']>[0], values?: never) => {
        const words = typeof statement === 'string' ? statement : statement.text;
        shown += words.includes('payload, body from billing.events') ? 1 : 0;
        if (shown === 2) {
          await shop.deps.db.query('select billing.replay_event($1)', [eventId(payload)]);
        }
        return finished.query(statement, values);
      },
    } as Database;
    expect(await replayEvent({ ...known.deps, db }, eventId(payload))).toEqual({
      status: 'received',
      reason: expect.stringContaining('Queued'),
    });
    await known.drain();
    expect(await shop.balance()).toBe(7);
  });
});
