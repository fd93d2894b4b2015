/**
 * `npm run load`: signed deliveries over HTTP on a ledger that is long already, with spends and balance
 * reads beside them, and a report of what was seen. Fails when a limit was not held, or anything was
 * lost or refused.
 */
import { parseArgs } from 'node:util';
import { type BenchDatabase, openAccounts, startCluster } from './cluster.ts';
import { holds, publishLoad, render, type Soak, TRIAL_SECONDS } from './load-report.ts';
import { path, type Server, serviceEnvironment, startServer } from './server.ts';
import { busyFor, type Phase, run, SERVER_KEY } from './traffic.ts';

const BATCH = 10_000;
const WARM_UP = { seconds: 10, rate: 100, beside: 20 };
const TRIALS = 5;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    rate: { type: 'string', default: '500' },
    rows: { type: 'string', default: '1000000' },
    beside: { type: 'string', default: '50' },
    search: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const USAGE = `npm run load -- [--search] [--write] [--seconds <n>] [--rate <n>] [--rows <n>] [--beside <n>]

  --search   if --rate does not hold for ${TRIAL_SECONDS} s, look for the highest that does, in ${TRIALS} trials, and go on with it
  --write    write the report to docs/load.md
  --seconds  how long (default 600)
  --rate     deliveries a second (default 500)
  --rows     ledger rows that are there before (default 1000000)
  --beside   spends a second, and balance reads a second, beside them (default 50)
`;

/** Spends until the ledger has this many rows. */
async function fill(db: BenchDatabase, accounts: readonly string[], rows: number): Promise<void> {
  const [client] = await db.clients(1);
  for (let made = accounts.length; made < rows; made += BATCH) {
    const size = Math.min(BATCH, rows - made);
    await client?.query(
      'select count(*) from credits.spend_batch($1::uuid[], $2::bigint[], $3::text[])',
      [
        Array.from({ length: size }, (_, n) => accounts[(made + n) % accounts.length]),
        Array.from({ length: size }, () => 1),
        Array.from({ length: size }, (_, n) => `before:${made + n}`),
      ],
    );
  }
  await db.asAdmin('vacuum analyze', 'checkpoint');
}

/** The highest rate up to `most` that short trials find to hold, and the trials. */
async function search(
  most: number,
  trial: (rate: number) => Promise<Phase>,
): Promise<{ rate: number; trials: Phase[] }> {
  const trials: Phase[] = [];
  let [held, tooMuch] = [0, most];
  for (let rate = most; trials.length < TRIALS; rate = 10 * Math.round((held + tooMuch) / 20)) {
    if (trials.some(({ pace }) => pace.rate === rate)) {
      break;
    }
    const phase = await trial(rate);
    trials.push(phase);
    if (!holds(phase)) {
      tooMuch = rate;
    } else if (rate === most) {
      return { rate, trials };
    } else {
      held = rate;
    }
  }
  return { rate: held > 0 ? held : tooMuch, trials };
}

async function soak(server: Server, db: BenchDatabase, accounts: readonly string[]) {
  const [seconds, rate, beside] = [values.seconds, values.rate, values.beside].map(Number) as [
    number,
    number,
    number,
  ];
  await run(server, accounts, WARM_UP);
  const found = values.search
    ? await search(rate, (one) =>
        run(server, accounts, { seconds: TRIAL_SECONDS, rate: one, beside }),
      )
    : { rate, trials: [] };
  await db.asAdmin('checkpoint');
  const phase = await run(server, accounts, { seconds, rate: found.rate, beside });
  const [client] = await db.clients(1);
  const counted = await client?.query<Soak['books']>(
    `select (select count(*) from credits.entries where idempotency_key like 'florin:checkout:%')::int as credited,
            (select count(*) from billing.events)::int as events,
            (select count(*) from billing.events where status <> 'processed')::int as unfinished,
            (select count(*) from credits.verify_ledger())::int as faults`,
  );
  const books = counted?.rows[0];
  if (books === undefined) {
    throw new Error('The books were not read.');
  }
  return { phase, trials: found.trials, books };
}

async function main(): Promise<boolean> {
  const busyBefore = await busyFor(2_000);
  const cluster = await startCluster();
  const db = await cluster.database();
  const accounts = await openAccounts(db);
  const rows = Number(values.rows);
  await fill(db, accounts, rows);
  const server = await startServer(
    [path('packages/florin/dist/cli/main.js'), 'serve'],
    serviceEnvironment(db.url, SERVER_KEY),
  );
  try {
    const seen = await soak(server, db, accounts);
    const report = render({ ...seen, asked: Number(values.rate), rows, busyBefore, cluster });
    process.stdout.write(`${report.text}\n`);
    if (values.write) {
      await publishLoad(report.text);
    }
    return report.isHeld;
  } finally {
    await server.stop();
    await db.close();
    await cluster.stop();
  }
}

if (values.help) {
  process.stdout.write(USAGE);
} else {
  process.exitCode = (await main()) ? 0 : 1;
}
