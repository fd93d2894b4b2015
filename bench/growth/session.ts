import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Database } from '../../packages/florin/src/db/index.ts';
import type { BenchDatabase } from '../cluster.ts';

const TURNS = 15;

/** One line of a table: what a call costs at each size, in milliseconds. */
export type Line = { readonly what: string; readonly of: string; readonly cost: readonly number[] };
/** One session whose commits are not waited for. */
export type Session = {
  readonly client: pg.Client;
  readonly db: Database;
  readonly bench: BenchDatabase;
};

/** Prepares an account of each size, and measures every line on it. */
export async function collect(
  of: string,
  lines: readonly [string, (account: string) => () => Promise<unknown>][],
  prepare: (count: number) => Promise<string>,
  counts: readonly number[],
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

/** Milliseconds of the fastest of some calls; a call that returns a number has taken its own time. */
export async function fastest(call: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < TURNS; turn += 1) {
    const start = performance.now();
    const own = await call();
    least = Math.min(least, typeof own === 'number' ? own : performance.now() - start);
  }
  return least;
}

let keys = 0;
function key(): string {
  keys += 1;
  return `growth:${keys}`;
}

export function spend({ client }: Session, account: string, amount = 1): Promise<unknown> {
  return ask(client, 'spend', 'select * from credits.spend($1, $2, $3)', [account, amount, key()]);
}

export function grant({ client }: Session, account: string, amount: number): Promise<unknown> {
  const text = "select * from credits.issue_grant($1, $2, $3, 'bench')";
  return ask(client, 'grant', text, [account, amount, key()]);
}

export function settle({ client }: Session, account: string): Promise<unknown> {
  return ask(client, 'settle', 'select credits.settle_account($1)', [account]);
}

export function balance({ client }: Session, account: string): Promise<unknown> {
  const text = 'select posted, held, next_expiry_at from credits.balances where account_id = $1';
  return ask(client, 'balance', text, [account]);
}

export async function holdAndRelease({ client }: Session, account: string): Promise<void> {
  await ask(
    client,
    'hold',
    `select credits.release_hold($1, h.hold_id)
    from credits.place_hold($1, 1, $2) h`,
    [account, key()],
  );
}

export async function withCredits(session: Session): Promise<string> {
  const account = randomUUID();
  await grant(session, account, 1_000_000_000);
  return account;
}

export async function hold({ client }: Session, account: string, count: number): Promise<void> {
  await client.query(
    `select credits.place_hold($1, 5, 'h' || n) from generate_series(1, $2::int) n`,
    [account, count],
  );
}

/** Their time is set back: waiting for it would take longer than the rest of the run. */
export async function makeDue({ bench }: Session, account: string): Promise<void> {
  await bench.asAdmin(
    `update credits.holds set expires_at = now() - interval '1 s' where account_id = '${account}'`,
    `update credits.accounts set next_change_at = now() - interval '1 s' where account_id = '${account}'`,
    'analyze credits.holds',
  );
}

function ask(client: pg.Client, name: string, text: string, values: unknown[]): Promise<unknown> {
  return client.query({ name, text, values });
}
