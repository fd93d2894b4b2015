import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { readOverview } from '../packages/florin/src/console/index.ts';
import { connect, type Database } from '../packages/florin/src/db/index.ts';
import { dailyUsage, explainBalance, listEntries } from '../packages/florin/src/ledger/index.ts';
import { listEvents } from '../packages/florin/src/webhooks/index.ts';
import type { BenchDatabase, Cluster } from './cluster.ts';

const SIZES = [1, 10, 100, 1_000] as const;
const TURNS = 15;
const DAY_MS = 86_400_000;

/** One line of the table: what a call costs at each size, in milliseconds. */
type Line = { readonly what: string; readonly of: string; readonly cost: readonly number[] };
type Session = { readonly client: pg.Client; readonly db: Database; readonly bench: BenchDatabase };

/**
 * What a call costs as accounts and tables grow: the fastest of some calls in one session, commits not
 * waited for, so that it is the work that is compared and not the disk.
 */
export async function measureGrowth(
  cluster: Cluster,
  sizes: { entries: number; events: number },
): Promise<string> {
  const bench = await cluster.database();
  const [client] = await bench.clients(1);
  const db = connect({ url: bench.url, maxConnections: 1 });
  if (client === undefined) {
    throw new Error('No connection to measure with.');
  }
  await client.query('set synchronous_commit = off');
  const session = { client, db, bench };
  try {
    const lines = [
      ...(await overGrants(session)),
      ...(await overHolds(session)),
      ...(await overUsedUp(session)),
    ];
    const [entries, events] = [sizes.entries, sizes.events].map((most) =>
      [1_000, 100, 10, 1].map((part) => Math.max(10, Math.round(most / part))),
    ) as [number[], number[]];
    return [
      table('ms a call, over', SIZES, lines),
      table('ms a call, over the account’s entries', entries, await overEntries(session, entries)),
      table(
        'ms a page of the console, over the inbox’s events',
        events,
        await overEvents(session, events),
      ),
    ].join('\n\n');
  } finally {
    await db.close();
    await bench.close();
  }
}

async function overGrants(session: Session): Promise<Line[]> {
  const lines: [string, (account: string) => () => Promise<unknown>][] = [
    ['spend', (account) => () => spend(session, account)],
    [
      'spend, then settle',
      (account) => async () => {
        await spend(session, account);
        await settle(session, account);
      },
    ],
    [
      'spend, then a grant',
      (account) => async () => {
        await spend(session, account);
        await grant(session, account, 1);
      },
    ],
    ['balance', (account) => () => balance(session, account)],
    ['hold and release', (account) => () => holdAndRelease(session, account)],
    ['explain', (account) => () => explainBalance(session.db, account)],
  ];
  return collect('live grants that expire', lines, async (count) => {
    const account = randomUUID();
    await session.client.query(
      `select credits.issue_grant($1, 1000000, 'g' || n, 'bench', p_expires_at => now() + n * interval '1 day')
         from generate_series(1, $2::int) n`,
      [account, count],
    );
    return account;
  });
}

async function overHolds(session: Session): Promise<Line[]> {
  const held = async (count: number) => {
    const account = await withCredits(session);
    await hold(session, account, count);
    return account;
  };
  const open = await collect(
    'open holds',
    [
      ['spend', (account) => () => spend(session, account)],
      ['balance', (account) => () => balance(session, account)],
      ['hold and release', (account) => () => holdAndRelease(session, account)],
      ['explain', (account) => () => explainBalance(session.db, account)],
    ],
    held,
  );
  const due = await collect(
    'holds that are due',
    [['balance', (account) => () => balance(session, account)]],
    async (count) => {
      const account = await held(count);
      await makeDue(session, account);
      return account;
    },
  );
  return [...open, ...due];
}

/** Grants that were used up leave an allocation each: what lies before must cost nothing. */
async function overUsedUp(session: Session): Promise<Line[]> {
  const used = async (count: number) => {
    const account = randomUUID();
    for (let n = 0; n < count; n += 1) {
      await grant(session, account, 10);
      await spend(session, account, 10);
    }
    await grant(session, account, 1_000_000);
    await hold(session, account, 50);
    return account;
  };
  return [
    ...(await collect(
      'used-up grants, 50 open holds',
      [['explain', (account) => () => explainBalance(session.db, account)]],
      used,
    )),
    ...(await collect(
      'used-up grants, 50 holds due',
      [['balance', (account) => () => balance(session, account)]],
      async (count) => {
        const account = await used(count);
        await makeDue(session, account);
        return account;
      },
    )),
  ];
}

async function overEntries(session: Session, counts: readonly number[]): Promise<Line[]> {
  const { db } = session;
  const noon = Date.now() - DAY_MS / 2;
  const range = (accountId: string) => ({
    accountId,
    from: new Date(noon - DAY_MS),
    to: new Date(noon),
  });
  return collect(
    '',
    [
      ['spend', (account) => () => spend(session, account)],
      ['balance', (account) => () => balance(session, account)],
      [
        'page of the history, the newest',
        (accountId) => () => listEntries(db, { accountId, limit: 50 }),
      ],
      [
        'page of the history, from its middle',
        (accountId) => () => listEntries(db, { accountId, limit: 50, before: 500_000 }),
      ],
      ['usage of one day', (account) => () => dailyUsage(db, range(account))],
    ],
    async (count) => {
      const account = await withCredits(session);
      // A hundred entries a day, whatever their number. Written straight into the table: their hashes are no chain.
      await session.bench.asAdmin(
        `insert into credits.entries (account_id, entry_no, amount, axis_from, posted_after, held_after,
         created_at, kind, idempotency_key, chain)
       select '${account}', n + 1, -1, n - 1, 1000000000 - n, 0, now() - (${count} - n) * interval '14 minutes',
              'spend', 'past:' || n, sha256(n::text::bytea)
         from generate_series(1, ${count - 1}) as n`,
        `update credits.accounts set posted = posted - ${count - 1}, axis = ${count - 1}, settled = ${count - 1},
              entry_no = ${count} where account_id = '${account}'`,
        'analyze credits.entries',
      );
      return account;
    },
    counts,
  );
}

async function overEvents(session: Session, counts: readonly number[]): Promise<Line[]> {
  const { db } = session;
  let written = 0;
  const rare = randomUUID();
  return collect(
    '',
    [
      ['overview', () => () => readOverview(db)],
      ['the newest events', () => () => listEvents(db)],
      ['those of an account that has three', () => () => listEvents(db, { accountId: rare })],
      ['those of a type that came three times', () => () => listEvents(db, { type: 'rare.event' })],
      ['dead ones, of which there is none', () => () => listEvents(db, { status: 'dead' })],
    ],
    async (count) => {
      await session.bench.asAdmin(
        `insert into billing.events (event_id, type, livemode, created_at, received_at, status, account_id,
         object_id, processed_at, payload)
       select 'evt_' || n, case when n <= 3 then 'rare.event' else 'invoice.paid' end, true, now(),
              now() - interval '1 year' + n * interval '1 s', 'processed',
              case when n <= 3 then '${rare}'::uuid else gen_random_uuid() end, 'in_' || n, now(),
              jsonb_build_object('filler', repeat(md5(n::text), 40))
         from generate_series(${written + 1}, ${count}) as n`,
        'vacuum analyze billing.events',
      );
      written = count;
      return rare;
    },
    counts,
  );
}

/** Prepares an account of each size, and measures every line on it. */
async function collect(
  of: string,
  lines: readonly [string, (account: string) => () => Promise<unknown>][],
  prepare: (count: number) => Promise<string>,
  counts: readonly number[] = SIZES,
): Promise<Line[]> {
  const costs = lines.map((): number[] => []);
  for (const count of counts) {
    const account = await prepare(count);
    for (const [index, [, call]] of lines.entries()) {
      costs[index]?.push(await fastest(call(account)));
    }
  }
  return lines.map(([what], index) => ({ what, of, cost: costs[index] ?? [] }));
}

async function fastest(call: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < TURNS; turn += 1) {
    const start = performance.now();
    await call();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

let keys = 0;
function key(): string {
  keys += 1;
  return `growth:${keys}`;
}

function spend({ client }: Session, account: string, amount = 1): Promise<unknown> {
  return ask(client, 'spend', 'select * from credits.spend($1, $2, $3)', [account, amount, key()]);
}

function grant({ client }: Session, account: string, amount: number): Promise<unknown> {
  const text = "select * from credits.issue_grant($1, $2, $3, 'bench')";
  return ask(client, 'grant', text, [account, amount, key()]);
}

function settle({ client }: Session, account: string): Promise<unknown> {
  return ask(client, 'settle', 'select credits.settle_account($1)', [account]);
}

function balance({ client }: Session, account: string): Promise<unknown> {
  const text = 'select posted, held, next_expiry_at from credits.balances where account_id = $1';
  return ask(client, 'balance', text, [account]);
}

async function holdAndRelease({ client }: Session, account: string): Promise<void> {
  await ask(
    client,
    'hold',
    `select credits.release_hold($1, h.hold_id)
    from credits.place_hold($1, 1, $2) h`,
    [account, key()],
  );
}

async function withCredits(session: Session): Promise<string> {
  const account = randomUUID();
  await grant(session, account, 1_000_000_000);
  return account;
}

async function hold({ client }: Session, account: string, count: number): Promise<void> {
  await client.query(
    `select credits.place_hold($1, 5, 'h' || n) from generate_series(1, $2::int) n`,
    [account, count],
  );
}

/** Their time is set back: waiting for it would take longer than the rest of the run. */
async function makeDue({ bench }: Session, account: string): Promise<void> {
  await bench.asAdmin(
    `update credits.holds set expires_at = now() - interval '1 s' where account_id = '${account}'`,
    `update credits.accounts set next_change_at = now() - interval '1 s' where account_id = '${account}'`,
    'analyze credits.holds',
  );
}

function ask(client: pg.Client, name: string, text: string, values: unknown[]): Promise<unknown> {
  return client.query({ name, text, values });
}

function table(head: string, counts: readonly number[], lines: readonly Line[]): string {
  const cells = (line: Line) => line.cost.map((ms) => (ms < 10 ? ms.toFixed(2) : ms.toFixed(0)));
  return [
    `| ${head} | ${counts.map((count) => count.toLocaleString('en-US')).join(' | ')} |`,
    `|---|${counts.map(() => '---|').join('')}`,
    ...lines.map(
      (line) =>
        `| ${line.of === '' ? '' : `${line.of}: `}${line.what} | ${cells(line).join(' | ')} |`,
    ),
  ].join('\n');
}
