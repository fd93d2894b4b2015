import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../../src/db/index.ts';
import { closeAccount, issueGrant } from '../../../src/ledger/index.ts';
import { forgetExpired } from '../../../src/webhooks/index.ts';
import { spend } from '../../support/spend.ts';
import { ACCOUNT, dispute, event, refund, session, sessionLine, withLines } from './objects.ts';
import { asOwner, eventId, openShop } from './shop.ts';

async function shopUnderTest() {
  const shop = await openShop();
  onTestFinished(() => shop.close());
  return shop;
}

const paid = () =>
  event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')])));

it('a payment for a closed account grants nothing, is kept, and needs attention', async () => {
  const shop = await shopUnderTest();
  await issueGrant(shop.deps.db, {
    accountId: ACCOUNT,
    amount: 5,
    idempotencyKey: 'before',
    source: 'bonus',
  });
  await closeAccount(shop.deps.db, {
    accountId: ACCOUNT,
    idempotencyKey: 'closing',
  });
  const before = await shop.balance();
  const payload = paid();
  expect(await shop.deliver(payload)).toMatchObject({ kind: 'accepted' });
  expect(await shop.inbox(eventId(payload))).toMatchObject({
    status: 'failed',
    needsAttention: true,
    errorCode: 'account_closed',
  });
  expect(await shop.balance()).toBe(before);
});

it('when the ledger is down, spending fails closed by default, and says so', async () => {
  const db = connect({ url: 'postgres://nobody@127.0.0.1:1/none', connectTimeoutMs: 500 });
  onTestFinished(() => db.close());
  await expect(
    spend(db, { accountId: ACCOUNT, amount: 1, idempotencyKey: 'job-1' }),
  ).rejects.toMatchObject({ code: 'database_unavailable' });
});

it('used plan sessions and abandoned checkouts are forgotten a day after they expired, others stay', async () => {
  const shop = await shopUnderTest();
  await asOwner(
    shop.fresh,
    `insert into billing.consumed_plan_sessions (nonce, account_id, expires_at) values
       ('old', '${ACCOUNT}', now() - interval '25 hours'),
       ('recent', '${ACCOUNT}', now() - interval '1 hour')`,
  );
  await asOwner(
    shop.fresh,
    `insert into billing.open_checkouts (account_id, slot, attempt_id, expires_at) values
       ('${ACCOUNT}', 'old', gen_random_uuid(), now() - interval '25 hours'),
       ('${ACCOUNT}', 'open', gen_random_uuid(), now() + interval '1 hour')`,
  );
  expect(await forgetExpired(shop.deps.db, 100)).toBe(2);
  expect(await forgetExpired(shop.deps.db, 100)).toBe(0);
  const left = await shop.deps.db.query(
    `select nonce as name from billing.consumed_plan_sessions
      union all select slot from billing.open_checkouts order by 1`,
  );
  expect(left).toEqual([{ name: 'open' }, { name: 'recent' }]);
});

it('values that Stripe has not invented yet grant nothing by guess, and nothing is lost', async () => {
  const shop = await shopUnderTest();
  const strange = session({
    ...withLines([sessionLine('price_QUICK_SCAN')]),
    payment_status: 'paid_in_part',
  });
  expect(await shop.deliver(event('checkout.session.completed', strange))).toMatchObject({
    kind: 'accepted',
  });
  expect(await shop.balance()).toBe(0);
  await shop.deliver(
    event(
      'checkout.session.async_payment_succeeded',
      session(withLines([sessionLine('price_QUICK_SCAN')])),
    ),
  );
  expect(await shop.balance()).toBe(50);

  const mode = event(
    'checkout.session.completed',
    session({ ...withLines([sessionLine('price_QUICK_SCAN')]), id: 'cs_mode', mode: 'lease' }),
  );
  await shop.deliver(mode);
  expect(await shop.inbox(eventId(mode))).toMatchObject({ status: 'skipped' });

  // A dispute that stands nobody knows how has moved no money; a refund has, until it is said to have failed.
  await shop.deliver(event('charge.dispute.updated', dispute('under_arbitration')));
  expect(await shop.balance()).toBe(50);
  await shop.deliver(event('refund.updated', refund('re_x', 500, 'on_its_way')));
  expect(await shop.balance()).toBe(0);
  await shop.deliver(event('refund.updated', refund('re_x', 500, 'failed')));
  expect(await shop.balance()).toBe(50);

  const unknown = event('invoice.exploded', { id: 'in_1', object: 'invoice' });
  await shop.deliver(unknown);
  expect(await shop.inbox(eventId(unknown))).toMatchObject({ status: 'skipped' });
  expect(await shop.balance()).toBe(50);
});
