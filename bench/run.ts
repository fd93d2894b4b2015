/** `npm run bench`: every figure of docs/performance.md, measured now. It judges nothing by time. */
import { parseArgs } from 'node:util';
import { type Cluster, startCluster } from './cluster.ts';
import { measureCosts } from './costs.ts';
import { measureGrowth } from './growth.ts';
import { type Finding, measure, type Pace, type Scenario } from './load.ts';
import { measureLocked } from './locked.ts';
import { measureProgram } from './program.ts';
import { type Figure, publish, render, renderFigures, renderMachine } from './report.ts';
import { openBatch } from './scenarios/batch.ts';
import { openHistory } from './scenarios/history.ts';
import { openHot } from './scenarios/hot.ts';
import { openHttp } from './scenarios/http.ts';
import { openLibrary } from './scenarios/library.ts';
import { openRead } from './scenarios/read.ts';
import { openSpend } from './scenarios/spend.ts';
import { openWebhook } from './scenarios/webhook.ts';

const QUICK: Pace = { rounds: 7, sliceMs: 400 };
const FULL: Pace = { rounds: 9, sliceMs: 2_000 };
const FIGURES = 'figures';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
    entries: { type: 'string', default: '1000000' },
    events: { type: 'string', default: '200000' },
    accounts: { type: 'string', default: '100000' },
    'seed-rows': { type: 'string', default: '100000' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const scenarios: Record<string, (cluster: Cluster) => Promise<Scenario>> = {
  spend: openSpend,
  library: openLibrary,
  hot: openHot,
  batch: openBatch,
  read: openRead,
  history: (cluster) => openHistory(cluster, wholeNumber('entries')),
  webhook: (cluster) => openWebhook(cluster, wholeNumber('seed-rows')),
  http: openHttp,
};

const USAGE = `npm run bench -- [--full] [--only <name>] [--entries <n>] [--events <n>] [--accounts <n>] [--seed-rows <n>] [--write]

  --full       ${FULL.rounds} rounds of ${FULL.sliceMs} ms instead of ${QUICK.rounds} of ${QUICK.sliceMs} ms
  --only       one of ${Object.keys(scenarios).join(', ')}, ${FIGURES}
  --entries    how long the long history is (default 1000000)
  --events     how large the large inbox is (default 200000)
  --accounts   how many accounts the crowded ledger has (default 100000)
  --seed-rows  ledger rows of the seed's design (default 100000)
  --write      writes the tables into docs/performance.md; of --only the figures alone
`;

function wholeNumber(name: 'entries' | 'events' | 'accounts' | 'seed-rows'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 10) {
    throw new Error(`--${name} must be a whole number of at least 10.`);
  }
  return value;
}

async function main(): Promise<void> {
  const all = Object.keys(scenarios);
  const wanted = values.only === undefined ? [...all, FIGURES] : [values.only];
  const unknown = wanted.find((name) => name !== FIGURES && scenarios[name] === undefined);
  if (values.help || unknown !== undefined) {
    process.stdout.write(unknown === undefined ? USAGE : `No scenario ${unknown}.\n${USAGE}`);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const cluster = await startCluster();
  try {
    const names = all.filter((name) => wanted.includes(name));
    if (names.length > 0) {
      const table = await measureRatios(cluster, names);
      await tell('bench', table, values.only === undefined);
    }
    if (wanted.includes(FIGURES)) {
      const { figures, growth } = await measureFigures(cluster);
      const machine = renderMachine(cluster);
      await tell('figures', `${machine}\n\n${renderFigures(figures)}`, true);
      await tell('growth', `${machine}\n\n${growth}`, true);
    }
  } finally {
    await cluster.stop();
  }
}

async function measureRatios(cluster: Cluster, names: readonly string[]): Promise<string> {
  const pace = values.full ? FULL : QUICK;
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
  return render(cluster, pace, findings);
}

async function measureFigures(cluster: Cluster): Promise<{ figures: Figure[]; growth: string }> {
  process.stderr.write(`${FIGURES} …\n`);
  const most = {
    entries: wholeNumber('entries'),
    events: wholeNumber('events'),
    accounts: wholeNumber('accounts'),
  };
  const costs = await measureCosts(cluster);
  const locked = await measureLocked(cluster);
  const program = await measureProgram(cluster);
  const { figures, tables } = await measureGrowth(cluster, most);
  return { figures: [...costs, ...locked, ...figures, ...program], growth: tables };
}

async function tell(
  part: Parameters<typeof publish>[0],
  text: string,
  isWhole: boolean,
): Promise<void> {
  process.stdout.write(`${text}\n\n`);
  if (values.write && isWhole) {
    await publish(part, text);
  }
}

await main();
