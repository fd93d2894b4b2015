/**
 * `npm run faults:nodes`: clients spend on a distributed ledger while a command breaks something of the
 * cluster and another mends it; then every call without an answer is repeated with its key, and what was
 * answered is compared with what the ledger holds.
 */
import { exec } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const [url, breaks, mends, brokenFor = '0'] = process.argv.slice(2);
if (url === undefined || breaks === undefined || mends === undefined) {
  process.stderr.write(
    'npm run faults:nodes -- <url of a distributed database> <command that breaks> <command that mends> [<seconds between>]\n',
  );
  process.exit(2);
}

const CLIENTS = 8;
const ACCOUNTS = 60;
const AROUND_MS = 4_000;
/** A cluster on a slow machine needs as long after a crash. */
const GIVE_UP_MS = 120_000;
const GRANTED = 1_000_000;

type Phase = 'before' | 'while broken' | 'after';
type Call = { readonly account: string; readonly key: string };

const tally = new Map<string, number>();
const unanswered: Call[] = [];
let phase: Phase = 'before';
let done = false;
let answered = 0;

function count(what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}

async function open(): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    statement_timeout: 15_000,
    lock_timeout: 2_000,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const SPEND = 'select replayed from credits.spend($1, 1, $2)';

/** True when the ledger answered. The connection is opened anew when it broke. */
async function spend(session: { client: pg.Client | null }, call: Call): Promise<string | null> {
  try {
    session.client ??= await open();
    await session.client.query(SPEND, [call.account, call.key]);
    return null;
  } catch (error) {
    const { code = 'no connection', severity } = error as pg.DatabaseError;
    if (severity !== 'ERROR') {
      await session.client?.end().catch(() => undefined);
      session.client = null;
      await wait(20);
    }
    return code;
  }
}

async function keepSpending(accounts: readonly string[], nodeOf: ReadonlyMap<string, string>) {
  const session = { client: null as pg.Client | null };
  while (!done) {
    const account = accounts[Math.floor(Math.random() * accounts.length)] ?? '';
    const call = { account, key: randomUUID() };
    const startedIn = phase;
    const refused = await spend(session, call);
    const where = `${startedIn}, accounts of ${nodeOf.get(account)}`;
    if (refused === null) {
      answered += 1;
      count(`${where}: done`);
    } else {
      unanswered.push(call);
      count(`${where}: refused ${refused}`);
    }
  }
  await session.client?.end();
}

const admin = await open();
const accounts = Array.from({ length: ACCOUNTS }, () => randomUUID());
for (const account of accounts) {
  await admin.query("select credits.issue_grant($1, $2, 'funds', 'faults')", [account, GRANTED]);
}
const { rows: places } = await admin.query<{ account: string; node: string }>(
  `select a.id::text as account, format('%s:%s', s.nodename, s.nodeport) as node
     from unnest($1::uuid[]) as a (id)
     join pg_catalog.citus_shards s
       on s.shardid = get_shard_id_for_distribution_column('credits.accounts', a.id)`,
  [accounts],
);
await admin.end();
const nodeOf = new Map(places.map(({ account, node }) => [account, node]));

const spenders = Array.from({ length: CLIENTS }, () => keepSpending(accounts, nodeOf));
const run = promisify(exec);
await wait(AROUND_MS);
const from = performance.now();
phase = 'while broken';
await run(breaks);
await wait(Number(brokenFor) * 1_000);
await run(mends);
phase = 'after';
const brokenMs = performance.now() - from;
await wait(AROUND_MS);
done = true;
await Promise.all(spenders);

const session = { client: null as pg.Client | null };
const deadline = performance.now() + GIVE_UP_MS;
for (const call of unanswered) {
  while ((await spend(session, call)) !== null) {
    if (performance.now() > deadline) {
      throw new Error('The cluster does not answer any more.');
    }
    await wait(200);
  }
  answered += 1;
}

const client = session.client ?? (await open());
const { rows: found } = await client.query<{ spends: string; posted: string }>(
  `select (select count(*) from credits.entries e where e.account_id = any ($1) and e.kind = 'spend') as spends,
          (select sum(a.posted) from credits.accounts a where a.account_id = any ($1)) as posted`,
  [accounts],
);
const broken: unknown[] = [];
for (const account of accounts) {
  broken.push(...(await client.query('select * from credits.verify_ledger($1)', [account])).rows);
}
await client.end();

for (const [what, times] of [...tally].sort()) {
  process.stdout.write(`${what}: ${times}\n`);
}
const spends = Number(found[0]?.spends);
const isRight =
  spends === answered &&
  Number(found[0]?.posted) === ACCOUNTS * GRANTED - spends &&
  broken.length === 0;
process.stdout.write(
  `broken for ${(brokenMs / 1000).toFixed(1)} s; ${unanswered.length} repeated with their keys; ` +
    `${answered} answered, ${spends} in the ledger; broken invariants: ${broken.length}; ${isRight ? 'right' : 'WRONG'}\n`,
);
process.exitCode = isRight ? 0 : 1;
