import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Database } from '../../../src/db/index.ts';
import { createBalanceFeed } from '../../../src/http/balance-feed.ts';
import { silentLogger } from '../../../src/kernel/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const STREAMS = 1_000;

let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  // As few as can be: whatever holds on to connections is found.
  db = connect({ url: fresh.url, maxConnections: 2, connectTimeoutMs: 30_000 });
});
afterAll(async () => {
  await db.close();
  await fresh.close();
});

/** Opens streams of as many accounts, and keeps what each was told. */
function openMany(more: { reading?: Database } = {}) {
  let open = 0;
  const feed = createBalanceFeed({
    db: more.reading ?? db,
    logger: silentLogger,
    open: {
      inc() {
        open += 1;
      },
      dec() {
        open -= 1;
      },
    },
  });
  const until = new Date(Date.now() + 600_000);
  const streams = Array.from({ length: STREAMS }, () => {
    const account = crypto.randomUUID();
    const reader = feed
      .open({ accountId: account, userId: account, until, lastEventId: undefined })
      .getReader();
    const stream = { account, reader, text: '', ended: false };
    void (async () => {
      const decoder = new TextDecoder();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        stream.text += decoder.decode(part.value);
      }
      stream.ended = true;
    })();
    return stream;
  });
  return { feed, streams, open: () => open };
}

const heard = (streams: { text: string }[], part: string) =>
  streams.filter(({ text }) => text.includes(part)).length;

describe('a thousand live balances', () => {
  it('need two connections, which stay free for others, and all end when the service stops', async () => {
    const running = { now: 0, most: 0 };
    const counting: Database = {
      ...db,
      async query(statement, values) {
        running.now += 1;
        running.most = Math.max(running.most, running.now);
        try {
          return await db.query(statement, values);
        } finally {
          running.now -= 1;
        }
      },
    };
    const { feed, streams, open } = openMany({ reading: counting });
    expect(open()).toBe(STREAMS);
    await expect.poll(() => heard(streams, '"available":0')).toBe(STREAMS);
    // Another process gives each of them credits, and spends: found by LISTEN or by asking.
    const accounts = streams.map(({ account }) => account);
    await fresh.db.query(
      "select credits.issue_grant(account, 50, 'g', 'bonus') from unnest($1::uuid[]) account",
      [accounts],
    );
    await expect.poll(() => heard(streams, '"available":50')).toBe(STREAMS);
    await fresh.db.query("select credits.spend(account, 8, 's') from unnest($1::uuid[]) account", [
      accounts,
    ]);
    // Meanwhile somebody else's statement finds a connection.
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await expect.poll(() => heard(streams, '"available":42')).toBe(STREAMS);
    expect(running.most).toBe(1);
    feed.close();
    await expect.poll(() => streams.every(({ ended }) => ended)).toBe(true);
    expect(open()).toBe(0);
  });

  it('continue by themselves after the database has been away for a while', async () => {
    let isDown = false;
    const failing: Database = {
      ...db,
      query: (statement, values) =>
        isDown ? Promise.reject(new Error('away')) : db.query(statement, values),
    };
    const { feed, streams } = openMany({ reading: failing });
    await expect.poll(() => heard(streams, '"available":0')).toBe(STREAMS);
    isDown = true;
    const [first] = streams;
    await fresh.db.query("select credits.issue_grant($1, 5, 'g', 'bonus')", [first?.account ?? '']);
    feed.changed(first?.account ?? '');
    isDown = false;
    await expect.poll(() => first?.text).toContain('"available":5');
    expect(streams.some(({ ended }) => ended)).toBe(false);
    feed.close();
  });

  it('of a browser that reads nothing is ended, and the others are not', async () => {
    const feed = createBalanceFeed({
      db,
      logger: silentLogger,
      open: { inc() {}, dec() {} },
    });
    const until = new Date(Date.now() + 600_000);
    const accountId = crypto.randomUUID();
    const unread = feed.open({ accountId, userId: accountId, until, lastEventId: undefined });
    const reader = feed
      .open({ accountId, userId: accountId, until, lastEventId: undefined })
      .getReader();
    await fresh.db.query("select credits.issue_grant($1, 1000, 'g', 'bonus')", [accountId]);
    let seen = '';
    const read = async (part: string) => {
      while (!seen.includes(part)) {
        seen += Buffer.from((await reader.read()).value ?? []).toString();
      }
    };
    for (let left = 999; left > 890; left -= 1) {
      await fresh.db.query('select credits.spend($1, 1, $2)', [accountId, `s${left}`]);
      feed.changed(accountId);
      await read(`"available":${left},`);
    }
    const late = unread.getReader();
    const parts: unknown[] = [];
    for (let part = await late.read(); !part.done; part = await late.read()) {
      parts.push(part.value);
    }
    expect(parts.length).toBeLessThan(110);
    feed.close();
  });
});
