/** `npm run bench`: every ratio of docs/performance.md, measured now. It judges nothing by time. */
import { parseArgs } from 'node:util';
import { type Cluster, startCluster } from './cluster.ts';
import { measureGrowth } from './growth.ts';
import { type Finding, measure, type Pace, type Scenario } from './load.ts';
import { publish, render, renderMachine } from './report.ts';
import { openBatch } from './scenarios/batch.ts';
import { openHistory } from './scenarios/history.ts';
import { openHot } from './scenarios/hot.ts';
import { openHttp } from './scenarios/http.ts';
import { openRead } from './scenarios/read.ts';
import { openSpend } from './scenarios/spend.ts';
import { openWebhook } from './scenarios/webhook.ts';

const QUICK: Pace = { rounds: 5, sliceMs: 400 };
const FULL: Pace = { rounds: 9, sliceMs: 2_000 };

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
    entries: { type: 'string', default: '1000000' },
    events: { type: 'string', default: '200000' },
    'seed-rows': { type: 'string', default: '100000' },
    'no-write': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const scenarios: Record<string, (cluster: Cluster) => Promise<Scenario>> = {
  spend: openSpend,
  hot: openHot,
  batch: openBatch,
  read: openRead,
  history: (cluster) => openHistory(cluster, wholeNumber('entries')),
  webhook: (cluster) => openWebhook(cluster, wholeNumber('seed-rows')),
  http: openHttp,
};

const GROWTH = 'growth';

const USAGE = `npm run bench -- [--quick | --full] [--only <name>] [--entries <n>] [--events <n>] [--seed-rows <n>] [--no-write]

  --quick      ${QUICK.rounds} rounds of ${QUICK.sliceMs} ms (default); --full: ${FULL.rounds} of ${FULL.sliceMs} ms
  --only       one of ${Object.keys(scenarios).join(', ')} (docs/performance.md is then left alone), or growth (its tables are written)
  --entries    how long the long history is (default 1000000)
  --events     how large the large inbox is (default 200000)
  --seed-rows  ledger rows of the seed's design (default 100000)
  --no-write   print only
`;

function wholeNumber(name: 'entries' | 'events' | 'seed-rows'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 10) {
    throw new Error(`--${name} must be a whole number of at least 10.`);
  }
  return value;
}

async function main(): Promise<void> {
  const all = Object.keys(scenarios);
  const withGrowth = values.only === undefined || values.only === GROWTH;
  const names = values.only === undefined ? all : all.filter((name) => name === values.only);
  const unknown = names.length === 0 && !withGrowth ? values.only : undefined;
  if (values.help || unknown !== undefined) {
    process.stdout.write(unknown === undefined ? USAGE : `No scenario ${unknown}.\n${USAGE}`);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const pace = values.full ? FULL : QUICK;
  const cluster = await startCluster();
  try {
    const findings: Finding[] = [];
    for (const name of names) {
      process.stderr.write(`${name} …\n`);
      const scenario = await scenarios[name]?.(cluster);
      if (scenario !== undefined) {
        try {
          findings.push(...(await measure(scenario, pace)));
        } finally {
          await scenario.close();
        }
      }
    }
    if (names.length > 0) {
      const table = render(cluster, pace, findings);
      process.stdout.write(`${table}\n`);
      if (values.only === undefined && !values['no-write']) {
        await publish('bench', table);
      }
    }
    if (withGrowth) {
      process.stderr.write(`${GROWTH} …\n`);
      const sizes = { entries: wholeNumber('entries'), events: wholeNumber('events') };
      const tables = `${renderMachine(cluster)}\n\n${await measureGrowth(cluster, sizes)}`;
      process.stdout.write(`${tables}\n`);
      if (!values['no-write']) {
        await publish('growth', tables);
      }
    }
  } finally {
    await cluster.stop();
  }
}

await main();
