import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Alert,
  type AlertDeps,
  forgetAlerts,
  isAlert,
  postAlerts,
  tellAlerts,
} from '../../src/alerts/index.ts';
import { silentLogger, systemClock } from '../../src/kernel/index.ts';
import { issueGrant } from '../../src/ledger/index.ts';
import { freshDatabase } from '../support/postgres.ts';
import { spend } from '../support/spend.ts';
import { openTopUp } from './top-up/top-up-service.ts';
import { asOwner } from './webhooks/shop.ts';

const SECRET = 'Zq4w8Ns1Vb6Kx0Tj3Ry9Mh2Lf7Pd5CgA';

/** An app that hears, and a buyer with credits. */
async function openHearing(tell?: AlertDeps['tell']) {
  const fresh = await freshDatabase();
  onTestFinished(() => fresh.close());
  const { db } = fresh;
  const heard: Alert[] = [];
  const deps: AlertDeps = {
    db,
    logger: silentLogger,
    lowBalance: 20,
    tell:
      tell ??
      (async (alert) => {
        heard.push(alert);
      }),
  };
  const newBuyer = async (credits: number) => {
    const accountId = randomUUID();
    await issueGrant(db, { accountId, amount: credits, idempotencyKey: 'start', source: 'gift' });
    await db.query('select billing.keep_customer($1, $2)', [accountId, `cus_${accountId}`]);
    return accountId;
  };
  let keys = 0;
  const change = async (accountId: string, amount: number) => {
    keys += 1;
    const write = { accountId, amount: Math.abs(amount), idempotencyKey: `change-${keys}` };
    await (amount < 0 ? spend(db, write) : issueGrant(db, { ...write, source: 'gift' }));
  };
  const later = (interval: string) =>
    asOwner(
      fresh,
      `update billing.alerts set next_attempt_at = next_attempt_at - interval '${interval}'`,
    );
  return { fresh, db, deps, heard, newBuyer, change, later, round: () => tellAlerts(deps, 100) };
}

/** The app's address: what it got, and what it answers. */
async function openApp(answer: () => number) {
  const got: { body: Buffer; header: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const header = String(request.headers['florin-signature']);
      got.push({ body: Buffer.concat(chunks), header });
      response.writeHead(answer()).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts` };
}

describe('a low balance', () => {
  it('is told once a fall, of buyers only, however many look', async () => {
    const one = await openHearing();
    const [low, rich] = [await one.newBuyer(30), await one.newBuyer(30)];
    await issueGrant(one.db, {
      accountId: randomUUID(),
      amount: 1,
      idempotencyKey: 'no buyer',
      source: 'gift',
    });
    await one.round();
    expect(one.heard).toEqual([]);
    await one.change(low, -11);
    await Promise.all(Array.from({ length: 6 }, one.round));
    await one.round();
    expect(one.heard).toMatchObject([
      { accountId: low, type: 'balance_low', data: { available: 19, below: 20 } },
    ]);
    // Above again, and below again: another fall.
    await one.change(low, 50);
    await one.round();
    await one.change(low, -50);
    await one.change(rich, -30);
    await one.round();
    await one.round();
    expect(one.heard.map(({ accountId }) => accountId).sort()).toEqual([low, low, rich].sort());
  });

  it('is not looked for where the catalogue names none', async () => {
    const one = await openHearing();
    await one.newBuyer(1);
    await tellAlerts({ ...one.deps, lowBalance: null }, 100);
    expect(one.heard).toEqual([]);
  });
});

describe('an alert', () => {
  it('is posted signed, and repeated under the same id until it is received', async () => {
    const answers = [500, 302, 204];
    const app = await openApp(() => answers.shift() ?? 500);
    const one = await openHearing(
      postAlerts({ url: app.url, secrets: [SECRET, 'an older one'], clock: systemClock }),
    );
    const accountId = await one.newBuyer(5);
    await one.round();
    await one.round();
    expect(app.got).toHaveLength(1);
    await one.later('10 seconds');
    await one.round();
    await one.later('19 seconds');
    await one.round();
    expect(app.got).toHaveLength(2);
    await one.later('1 second');
    await one.round();
    await one.later('1 day');
    await one.round();
    expect(app.got).toHaveLength(3);

    const bodies = app.got.map(({ body }) => JSON.parse(body.toString()));
    expect(new Set(bodies.map(({ id }) => id)).size).toBe(1);
    expect(bodies[0]).toMatchObject({ type: 'balance_low', accountId, data: { available: 5 } });
    const [{ body, header } = { body: Buffer.alloc(0), header: '' }] = app.got;
    const check = (rawBody: Buffer, secrets: string[], now = new Date()) =>
      isAlert({ rawBody, header, secrets, now });
    expect(check(body, [SECRET])).toBe(true);
    expect(check(body, ['another', SECRET])).toBe(true);
    expect(check(body, ['another'])).toBe(false);
    expect(check(Buffer.concat([body, Buffer.from(' ')]), [SECRET])).toBe(false);
    expect(check(body, [SECRET], new Date(Date.now() + 302_000))).toBe(false);
  });

  it('that nobody receives is given up after sixteen attempts, kept, and forgotten after 30 days', async () => {
    let asked = 0;
    const one = await openHearing(async () => {
      asked += 1;
      throw new Error('not now');
    });
    await one.newBuyer(5);
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await one.round();
      await one.later('6 hours');
    }
    expect(asked).toBe(16);
    expect(
      await one.db.query('select attempts, delivered_at, next_attempt_at from billing.alerts'),
    ).toEqual([{ attempts: 16, deliveredAt: null, nextAttemptAt: null }]);
    expect(await forgetAlerts(one.db, 10)).toBe(0);
    await asOwner(one.fresh, "update billing.alerts set created_at = now() - interval '31 days'");
    expect(await forgetAlerts(one.db, 10)).toBe(1);
  });

  it('whose teller died is told by another when its lease is over', async () => {
    const one = await openHearing();
    await one.newBuyer(5);
    const dying = { ...one.deps, tell: () => new Promise<void>(() => undefined) };
    void tellAlerts(dying, 100);
    await expect
      .poll(() => one.db.query('select attempts from billing.alerts'))
      .toEqual([{ attempts: 1 }]);
    await one.round();
    expect(one.heard).toEqual([]);
    await one.later('2 minutes');
    await one.round();
    expect(one.heard).toHaveLength(1);
  });
});

describe('a top-up that needs its buyer', () => {
  it.each([
    ['pm_card_chargeDeclinedLostCard', 'top_up_paused', { reason: 'card_declined' }],
    ['pm_card_authenticationRequired', 'top_up_action_required', { payUrl: /^http/ }],
  ])('%s is told as %s', async (card, type, data) => {
    const one = await openTopUp({ card });
    await one.agree();
    await one.use(25);
    await one.rounds();
    const heard: Alert[] = [];
    const tell = async (alert: Alert) => {
      heard.push(alert);
    };
    await tellAlerts({ db: one.deps.db, logger: silentLogger, lowBalance: null, tell }, 10);
    expect(heard).toMatchObject([{ type, accountId: expect.any(String) }]);
    for (const [name, value] of Object.entries(data)) {
      expect(heard[0]?.data[name]).toEqual(
        value instanceof RegExp ? expect.stringMatching(value) : value,
      );
    }
  });
});
