import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
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
    `${renderMachine(cluster)}, stripe-no-webhooks ${peerVersion()}.`,
    `One 8 kB write and its fdatasync took ${cluster.syncMs.toFixed(2)} ms (median of 200). ${pace.rounds} interleaved rounds, ${pace.sliceMs} ms a slice.`,
    '',
    '| what | ratio, median | lowest to highest round | to reach | reached | per second, of : against |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** What a run was measured on. */
export function renderMachine(cluster: Cluster): string {
  const cores = cpus();
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), shared with the load`,
    `generator: PostgreSQL ${cluster.version} (${cluster.settings}), Node ${process.versions.node}`,
  ].join('\n');
}

/** Replaces what stands between the markers of a part of docs/performance.md. */
export async function publish(part: 'bench' | 'growth', table: string): Promise<void> {
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

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
