import { connect } from '../packages/florin/src/db/index.ts';
import type { Cluster } from './cluster.ts';
import { overEntries, overGrants, overHolds, overUsedUp } from './growth/account.ts';
import { overAccounts, overEvents } from './growth/console.ts';
import type { Line, Session } from './growth/session.ts';
import type { Figure } from './report.ts';

const SIZES = [1, 10, 100, 1_000];
const USED_UP = [3, 30, 300, 3_000];

/**
 * What a call costs as accounts and tables grow: the fastest of some calls in one session, commits not
 * waited for, so that it is the work that is compared and not the disk.
 */
export async function measureGrowth(
  cluster: Cluster,
  most: { entries: number; events: number; accounts: number },
): Promise<{ tables: string; figures: Figure[] }> {
  const small = await withSession(cluster, async (session) => ({
    ofGrants: await overGrants(session, SIZES),
    ofHolds: await overHolds(session, SIZES),
    usedUp: await overUsedUp(session, USED_UP),
  }));
  const [entries, events, accounts] = [
    sizes(most.entries),
    sizes(most.events),
    sizes(most.accounts),
  ];
  const history = await withSession(cluster, (session) => overEntries(session, entries));
  const inbox = await withSession(cluster, (session) => overEvents(session, events));
  const crowd = await withSession(cluster, (session) => overAccounts(session, accounts));
  const tables = [
    table('ms a call, over', SIZES, [...small.ofGrants, ...small.ofHolds]),
    table('ms a call, over', USED_UP, small.usedUp),
    table('ms a call, over the account’s entries', entries, history),
    table('ms a page of the console, over the inbox’s events', events, inbox),
    table('ms a call, over the accounts', accounts, crowd),
  ];
  const last = (lines: readonly Line[], what: string) =>
    lines.find((line) => line.what === what)?.cost.at(-1) ?? Number.NaN;
  const pages = [...inbox, ...crowd.filter(({ what }) => what.includes('console'))];
  const figure = (what: string, seen: number, atMost: number) => ({
    what,
    seen,
    atMost,
    unit: 'ms',
  });
  return {
    tables: tables.join('\n\n'),
    figures: [
      figure('balance, 3,000 used-up grants and 50 holds due', last(small.usedUp, 'balance'), 3),
      figure(
        'explanation, 3,000 used-up grants and 50 open holds',
        last(small.usedUp, 'explain'),
        10,
      ),
      figure('settling over 1,000 live grants', last(small.ofGrants, 'settle what was spent'), 0.4),
      figure(
        `usage of one day, ${count(most.entries)} entries`,
        last(history, 'usage of one day'),
        10,
      ),
      figure(
        `slowest page of the console, ${count(most.events)} events, ${count(most.accounts)} accounts`,
        Math.max(...pages.map(({ cost }) => cost.at(-1) ?? Number.NaN)),
        20,
      ),
    ],
  };
}

/** A database of its own: what one table fills up, the next does not wade through. */
async function withSession<T>(
  cluster: Cluster,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const bench = await cluster.database();
  const [client] = await bench.clients(1);
  const db = connect({ url: bench.url, maxConnections: 1 });
  if (client === undefined) {
    throw new Error('No connection to measure with.');
  }
  try {
    await client.query('set synchronous_commit = off');
    return await work({ client, db, bench });
  } finally {
    await db.close();
    await bench.close();
  }
}

function sizes(most: number): number[] {
  return [1_000, 100, 10, 1].map((part) => Math.max(10, Math.round(most / part)));
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function table(head: string, counts: readonly number[], lines: readonly Line[]): string {
  const cells = (line: Line) => line.cost.map((ms) => (ms < 10 ? ms.toFixed(2) : ms.toFixed(0)));
  return [
    `| ${head} | ${counts.map(count).join(' | ')} |`,
    `|---|${counts.map(() => '---|').join('')}`,
    ...lines.map(
      (line) =>
        `| ${line.of === '' ? '' : `${line.of}: `}${line.what} | ${cells(line).join(' | ')} |`,
    ),
  ].join('\n');
}
