import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/db/index.ts';
import { FlorinError } from '../../../src/kernel/index.ts';
import { receiveWebhook, replayEvent, showEvent } from '../../../src/webhooks/index.ts';
import { ACCOUNT, event, type Json, purchase } from './objects.ts';
import { eventId, holdingNoSession, openShop, type Shop, signed } from './shop.ts';

describe('a signed event is kept, whatever is in it', () => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await openShop();
  });
  afterEach(() => shop.close());

  const deliver = (body: string | Buffer, by = shop) => receiveWebhook(by.deps, signed(body));
  /** A purchase, with something of Stripe's that we do not read spliced in as text. */
  const purchaseWith = (more: string) => {
    const payload = purchase();
    return { id: eventId(payload), body: JSON.stringify(payload).replace('{', `{"more":${more},`) };
  };

  it.each([
    ['NUL in a key', '{"a\\u0000b":1}'],
    ['half a surrogate pair in a key', '{"\\ud800":1}'],
    ['both in values', '["\\u0000","\\udfff"]'],
    ['a number of 200,000 zeros', '1e200000'],
    ['a number of 300,000 digits', '9'.repeat(300_000)],
    ['a fraction of 20,000 digits', `0.${'1'.repeat(20_000)}`],
    ['200,000 brackets', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ])('and credited: %s', async (_what, more) => {
    const { id, body } = purchaseWith(more);
    expect(await deliver(body)).toMatchObject({ outcome: { status: 'processed' } });
    expect(await shop.balance()).toBe(50);
    expect(await shop.inbox(id)).toMatchObject({ keptBytes: body.length, needsAttention: false });
    expect(String((await showEvent(shop.fresh.db, id))?.body)).toBe(body);
    expect(await deliver(body)).toMatchObject({ outcome: { status: 'duplicate' } });
    await replayEvent(shop.deps, id);
    expect(await shop.balance()).toBe(50);
  });

  it('and credited: bytes that are no UTF-8', async () => {
    const { id, body } = purchaseWith('"#"');
    const bytes = Buffer.from(body);
    bytes[bytes.indexOf('#')] = 0xff;
    expect(await deliver(bytes)).toMatchObject({ outcome: { status: 'processed' } });
    expect(await shop.balance()).toBe(50);
    expect((await showEvent(shop.fresh.db, id))?.body).toEqual(bytes);
  });

  it('and nothing is kept beside a payload that lacks nothing', async () => {
    const { id, body } = purchaseWith('{"🧾":["\\ud83e\\uddfe",1e30,"%00"]}');
    await deliver(body);
    expect(await shop.inbox(id)).toMatchObject({ status: 'processed', keptBytes: null });
  });

  it('in its envelope, needing attention, when the database refuses to hold what it says', async () => {
    // Random, so that it cannot be compressed into an index entry.
    const long = Array.from({ length: 20_000 }, () => crypto.randomUUID()).join('');
    const payload = event('checkout.session.completed', {
      ...(purchase()['data'] as { object: Json }).object,
      id: `cs_${long}`,
    });
    const body = JSON.stringify(payload);
    expect(await deliver(body)).toMatchObject({ kind: 'accepted', outcome: { status: 'failed' } });
    expect(await shop.inbox(eventId(payload))).toMatchObject({
      status: 'failed',
      needsAttention: true,
      keptBytes: body.length,
      objectId: `cs_${long}`.slice(0, 255),
    });
    await shop.drain();
    expect((await replayEvent(shop.deps, eventId(payload)))?.status).toBe('failed');
    expect((await shop.inbox(eventId(payload)))?.needsAttention).toBe(true);
  });

  it('and one that was kept in its envelope is credited from its bytes', async () => {
    const payload = purchase();
    const { db } = shop.fresh;
    const outcome = await deliver(JSON.stringify(payload), shop.with({ db: holdingNoSession(db) }));
    expect(outcome).toMatchObject({ kind: 'accepted', outcome: { status: 'failed' } });
    expect(await showEvent(db, eventId(payload))).toMatchObject({
      needsAttention: true,
      payload: { id: eventId(payload), data: { object: { object: 'checkout.session' } } },
    });
    expect(await shop.balance()).toBe(0);
    await replayEvent(shop.deps, eventId(payload));
    expect(await shop.balance()).toBe(50);
    expect(await shop.inbox(eventId(payload))).toMatchObject({ status: 'processed' });
  });

  it('and answered 5xx only when nothing at all can be stored', async () => {
    const away: Database = {
      ...shop.fresh.db,
      query: () => Promise.reject(new FlorinError('database_unavailable', 'away')),
    };
    await expect(
      deliver(JSON.stringify(purchase()), shop.with({ db: away })),
    ).rejects.toMatchObject({ code: 'database_unavailable' });
  });

  it('while its account is locked, without attention, and credited later', async () => {
    await deliver(JSON.stringify(purchase()));
    const { db } = shop.fresh;
    const payload = purchase();
    await db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query('select from credits.accounts where account_id = $1 for update', [ACCOUNT]);
      expect(await deliver(JSON.stringify(payload))).toMatchObject({
        outcome: { status: 'failed', reason: expect.stringContaining('tried again') },
      });
      expect(await shop.inbox(eventId(payload))).toMatchObject({
        errorCode: 'account_busy',
        needsAttention: false,
      });
    });
    expect(await shop.balance()).toBe(50);
    await shop.drain();
    expect(await shop.balance()).toBe(100);
  });
});
