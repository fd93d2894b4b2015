import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import type { Cluster } from './cluster.ts';
import type { Finding, Pace } from './load.ts';
import { peerVersion } from './peer.ts';

const DOCUMENT = new URL('../docs/performance.md', import.meta.url);

/** The measured table, and what it was measured on. */
export function render(cluster: Cluster, pace: Pace, findings: readonly Finding[]): string {
  const rows = findings.map(
    (one) =>
      `| ${one.what} | ${figure(one.ratio)} | ${figure(one.lowest)} to ${figure(one.highest)} | ≥ ${one.reach} | ${one.ratio >= one.reach ? 'yes' : 'no'} | ${count(one.rate)} : ${count(one.rateAgainst)} |`,
  );
  return [
    renderMachine(cluster),
    `${pace.rounds} interleaved rounds, ${pace.sliceMs} ms a slice; stripe-no-webhooks ${peerVersion()}.`,
    '',
    '| what | ratio, median | lowest to highest round | to reach | reached | per second, of : against |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** What has no other side to be divided by, and how much it may be. */
export type Figure = {
  readonly what: string;
  readonly seen: number;
  readonly atMost: number;
  readonly unit: string;
};

export function renderFigures(figures: readonly Figure[]): string {
  return [
    '| what | seen | at most | reached |',
    '|---|---|---|---|',
    ...figures.map(
      ({ what, seen, atMost, unit }) =>
        `| ${what} | ${figure(seen)} ${unit} | ${count(atMost, 2)} | ${seen <= atMost ? 'yes' : 'no'} |`,
    ),
  ].join('\n');
}

/** What a run was measured on. */
export function renderMachine(cluster: Cluster): string {
  const cores = cpus();
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), shared with the load`,
    `generator: PostgreSQL ${cluster.version} (${cluster.settings}), Node ${process.versions.node}.`,
    `One 8 kB write and its fdatasync took ${cluster.syncMs.toFixed(2)} ms (median of 200); the load average was ${cluster.load.toFixed(1)} when the run began, ${loadavg()[0]?.toFixed(1)} at the end of this part.`,
  ].join('\n');
}

/** Replaces what stands between the markers of a part of docs/performance.md. */
export async function publish(part: 'bench' | 'figures' | 'growth', table: string): Promise<void> {
  const opening = `<!-- ${part}: begin, written by npm run bench -->`;
  const text = await readFile(DOCUMENT, 'utf8');
  const begin = text.indexOf(opening);
  const end = text.indexOf(`<!-- ${part}: end -->`);
  if (begin < 0 || end < begin) {
    throw new Error('docs/performance.md has lost its markers.');
  }
  const before = text.slice(0, begin + opening.length);
  await writeFile(DOCUMENT, `${before}\n${table}\n${text.slice(end)}`);
}

function figure(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2);
}

function count(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}
