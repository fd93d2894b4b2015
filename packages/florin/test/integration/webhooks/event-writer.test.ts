// Deliveries that wait at the same time share a commit (decision 0155).
import { afterEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/db/index.ts';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { createEventWriter } from '../../../src/webhooks/index.ts';
import { isOnCluster } from '../../support/postgres.ts';
import { event, type Json, session, sessionLine, withLines } from './objects.ts';
import { openShop, type Shop } from './shop.ts';

/** `npm run proof` asks for 50,000. */
const BURST = Number(process.env['FLORIN_PROOF_BURST'] ?? 400);
const SENDERS = 64;
const CREDITS = 50;

function accountOf(n: number): string {
  return `33333333-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/** Of a payment of its own; of one of fifty accounts, if no other is given. */
function purchase(n: number, more: { account?: string; eventId?: string; id?: string } = {}): Json {
  const { account = accountOf(n % 50), eventId: id = `evt_${n}` } = more;
  const object = session({
    ...withLines([sessionLine('price_QUICK_SCAN')]),
    id: more.id ?? `cs_${n}`,
    payment_intent: `pi_${n}`,
    customer: null,
    client_reference_id: account,
  });
  return event('checkout.session.completed', object, { id });
}

/** No index holds so long a name: whatever statement has it fails. */
function poisoned(): Json {
  const long = Array.from({ length: 20_000 }, () => crypto.randomUUID()).join('');
  return purchase(-1, { eventId: 'evt_poisoned', id: `cs_${long}` });
}

/** How many deliveries each statement that wrote some was about. */
type Commits = { together: number[]; alone: number };

function watched(db: Database, commits: Commits): Database {
  return {
    ...db,
    query(statement, values, options) {
      const name = typeof statement === 'string' ? '' : statement.name;
      if (name === 'billing_apply_events') {
        commits.together.push(JSON.parse(String(values?.[0])).length);
      }
      commits.alone += name === 'billing_apply_event' ? 1 : 0;
      return db.query(statement, values, options);
    },
  };
}

/** Holds the first `count` statements that write deliveries back until it may go on. */
function holdingBack(db: Database, count: number, until: Promise<void>): Database {
  let held = 0;
  return {
    ...db,
    async query(statement, values, options) {
      if (typeof statement !== 'string' && /apply_event/.test(statement.name) && held < count) {
        held += 1;
        await until;
      }
      return db.query(statement, values, options);
    },
  };
}

function closedGate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('deliveries that wait at the same time', () => {
  const shops: Shop[] = [];
  afterEach(() => Promise.all(shops.splice(0).map((shop) => shop.close())));

  async function open(over: (db: Database) => Database = (db) => db) {
    const whole = await openShop();
    shops.push(whole);
    const commits: Commits = { together: [], alone: 0 };
    const db = watched(over(whole.deps.db), commits);
    return { shop: whole.with({ db, write: createEventWriter(db) }), whole, commits };
  }

  const statuses = (shop: Shop) =>
    shop.deps.db.query<{ status: string; events: number }>(
      'select status, count(*)::int as events from billing.events group by status order by status',
    );

  it('share commits, and each is credited once, with a poisoned one among them', {
    timeout: 60_000 + BURST * 20,
  }, async () => {
    const { shop, commits } = await open();
    const all = Array.from({ length: BURST }, (_, n) => purchase(n));
    all[Math.floor(BURST / 2)] = poisoned();
    const queue = [...all];
    const began = performance.now();
    await Promise.all(
      Array.from({ length: SENDERS }, async () => {
        for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
          expect(await shop.deliver(one)).toMatchObject({ kind: 'accepted' });
        }
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    expect(await statuses(shop)).toEqual([
      { status: 'failed', events: 1 },
      { status: 'processed', events: BURST - 1 },
    ]);
    const [sums] = await shop.deps.db.query(
      'select count(*)::int as entries, sum(amount)::bigint as credits from credits.entries',
    );
    expect(sums).toEqual({ entries: BURST - 1, credits: (BURST - 1) * CREDITS });
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
    expect(commits.together.length + commits.alone).toBeLessThan(BURST / 2);
    if (process.env['FLORIN_PROOF_BURST'] !== undefined) {
      const figures = { deliveries: BURST, seconds, commits: commits.together.length };
      process.stdout.write(`burst: ${JSON.stringify({ ...figures, alone: commits.alone })}\n`);
    }
  });

  it('do not wait when nothing else is under way', async () => {
    const { shop, commits } = await open();
    for (const n of [1, 2, 3]) {
      expect(await shop.deliver(purchase(n))).toMatchObject({ outcome: { status: 'processed' } });
    }
    expect(commits).toEqual({ together: [], alone: 3 });
  });

  it('are each told what became of them: credited, a repetition, about the same payment', async () => {
    const gate = closedGate();
    const { shop, commits } = await open((db) => holdingBack(db, 2, gate.opened));
    const first = [1, 2].map((n) => shop.deliver(purchase(n)));
    const others = [
      purchase(3),
      purchase(3),
      purchase(3, { eventId: 'evt_3_again' }),
      purchase(4),
    ].map((one) => shop.deliver(one));
    gate.open();
    await Promise.all(first);
    const outcomes = (await Promise.all(others)).map((one) =>
      one.kind === 'accepted' ? one.outcome.status : one.code,
    );
    expect(outcomes).toEqual(['processed', 'duplicate', 'processed', 'processed']);
    // What was decided without the other's word fell out, was refused alone, and was decided again.
    expect(commits).toEqual({ together: [4], alone: 4 });
    expect(await shop.balance(accountOf(3))).toBe(CREDITS);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it('may be of events that the inbox has already', async () => {
    const { shop } = await open();
    const deliveries = [{ event_id: 'evt_unknown', status: 'processed' }];
    // Looked for in the inbox, and not stored as an event without a body.
    await expect(
      shop.deps.db.query('select billing.apply_events($1)', [JSON.stringify(deliveries)]),
    ).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('The inbox has no event evt_unknown'),
    });
  });

  it('of other accounts do not wait for an account that is locked', async () => {
    const { shop, whole } = await open();
    const locked = accountOf(7);
    await shop.deliver(purchase(7));
    const gate = closedGate();
    const isLocked = closedGate();
    const holder = whole.deps.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query('select from credits.accounts where account_id = $1 for update', [locked]);
      isLocked.open();
      await gate.opened;
    });
    await isLocked.opened;
    let answered = 0;
    const waiting = [100, 101, 102].map((n) =>
      shop.deliver(purchase(n, { account: locked })).then((received) => {
        answered += 1;
        return received;
      }),
    );
    const others = Array.from({ length: 40 }, (_, n) =>
      shop.deliver(purchase(200 + n, { account: accountOf(100 + n) })),
    );
    for (const received of await Promise.all(others)) {
      expect(received).toMatchObject({ outcome: { status: 'processed' } });
    }
    expect(await shop.balance(locked)).toBe(CREDITS);
    if (isOnCluster) {
      // Nobody waits longer there than a worker waits for a row: the event is kept, to be tried again.
      for (const received of await Promise.all(waiting)) {
        expect(received).toMatchObject({ outcome: { status: 'failed' } });
      }
    } else {
      expect(answered).toBe(0);
    }
    gate.open();
    await holder;
    for (const received of await Promise.all(waiting)) {
      expect(received).toMatchObject({ kind: 'accepted' });
    }
    await shop.drain();
    expect(await shop.balance(locked)).toBe(4 * CREDITS);
  });
});
