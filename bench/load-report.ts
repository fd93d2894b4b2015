import { writeFile } from 'node:fs/promises';
import type { Cluster } from './cluster.ts';
import { median, percentile } from './load.ts';
import { renderMachine } from './report.ts';
import { KINDS, type Kind, type Phase } from './traffic.ts';

const DOCUMENT = new URL('../docs/load.md', import.meta.url);

export const TRIAL_SECONDS = 20;
/** Milliseconds within which 99 of 100 must be answered. */
const LIMIT_MS: Readonly<Record<Kind, number>> = { delivery: 100, spend: 50, balance: 20 };
/** Memory is flat when the last third holds at most this much more than the third before. */
const FLAT = 1.1;

export type Soak = {
  /** Deliveries a second that were asked for. */
  readonly asked: number;
  readonly rows: number;
  /** Processors that others kept busy before anything was started. */
  readonly busyBefore: number;
  readonly cluster: Cluster;
  readonly trials: readonly Phase[];
  readonly phase: Phase;
  /** The whole run's, its warm-up and trials too. */
  readonly books: { credited: number; events: number; unfinished: number; faults: number };
};

/** Whether all limits were held. */
export function holds({ answers }: Phase): boolean {
  return KINDS.every(
    (kind) => answers[kind].failed === 0 && percentile(answers[kind].times, 0.99) <= LIMIT_MS[kind],
  );
}

export function render(soak: Soak): { text: string; isHeld: boolean } {
  const { phase, trials, books, cluster } = soak;
  const { pace, answers, memory, processors } = phase;
  const [before, after] = thirds(memory);
  const isFlat = after <= before * FLAT;
  const isRight = books.credited === books.events && books.unfinished === 0 && books.faults === 0;
  const isHeld = holds(phase) && isFlat && isRight;
  const others = Math.max(0, processors.all - processors.sender - processors.service);
  const text = [
    renderMachine(cluster),
    `Before anything was started, others kept ${soak.busyBefore.toFixed(2)} processors busy.`,
    '',
    `**${pace.rate} deliveries/s for ${pace.seconds} s** on ${count(soak.rows)} ledger rows, ${pace.beside} spends/s and ${pace.beside} account reads/s beside: ${isHeld ? 'held' : 'not held'}${soak.asked === pace.rate ? '' : ` (${soak.asked}/s were asked for)`}.`,
    '',
    '| | answered | failed | ms, median | 99 of 100 within | limit | the slowest |',
    '|---|---|---|---|---|---|---|',
    ...KINDS.map((kind) => {
      const own = answers[kind];
      const at = (share: number) => percentile(own.times, share).toFixed(1);
      return `| ${kind} | ${count(own.times.length)} | ${own.failed} | ${at(0.5)} | ${at(0.99)} | ${LIMIT_MS[kind]} | ${at(1)} |`;
    }),
    '',
    `- Books of the whole run: ${count(books.credited)} of ${count(books.events)} purchases credited, ${books.unfinished} unfinished, ${books.faults} faults in the ledger.`,
    `- Memory of the service, MiB: ${memory.join(' ')}: ${isFlat ? 'flat' : 'growing'}.`,
    `- Processors used: sender ${processors.sender.toFixed(2)}, service ${processors.service.toFixed(2)}, Postgres and all else ${others.toFixed(2)}; together ${processors.all.toFixed(2)}.`,
    ...(trials.length === 0
      ? []
      : ['', `Trials of ${TRIAL_SECONDS} s that found the rate:`, '', ...trialTable(trials)]),
  ].join('\n');
  return { text, isHeld };
}

function trialTable(trials: readonly Phase[]): string[] {
  return [
    '| deliveries/s | delivery p99 | spend p99 | balance p99 | failed | processors | held |',
    '|---|---|---|---|---|---|---|',
    ...trials.map((trial) => {
      const { pace, answers, processors } = trial;
      const p99 = KINDS.map((kind) => percentile(answers[kind].times, 0.99).toFixed(1)).join(' | ');
      const failed = KINDS.reduce((sum, kind) => sum + answers[kind].failed, 0);
      return `| ${pace.rate} | ${p99} | ${failed} | ${processors.all.toFixed(2)} | ${holds(trial) ? 'yes' : 'no'} |`;
    }),
  ];
}

/** The median of the second third and of the last. */
function thirds(memory: readonly number[]): [number, number] {
  const third = Math.floor(memory.length / 3);
  return [median(memory.slice(third, 2 * third)), median(memory.slice(2 * third))];
}

/** Writes docs/load.md. */
export async function publishLoad(report: string): Promise<void> {
  const head = [
    '# Under load',
    '',
    '`npm run load -- --search --write` starts an embedded Postgres with fsync on and `florin serve`, and sends to it at a steady rate, on the',
    'same processors. A late answer makes no later question: a time counts from when the request was due. It wrote what follows.',
    '',
  ];
  await writeFile(DOCUMENT, `${[...head, report].join('\n')}\n`);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
