import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { bundleClient } from '../packages/florin/test/support/client-bundle.ts';
import type { Cluster } from './cluster.ts';
import type { Figure } from './report.ts';
import { path, serviceEnvironment, startServer } from './server.ts';

const TURNS = 5;
const SERVER_KEY = 'Vb7kQ2mZr8tW5xYn1LpA9cFhJ3sDgUe4';
const IMPORT =
  "const start = performance.now(); await import('florin'); console.log(performance.now() - start)";

/** What the built program costs before it has done anything. The fastest of some starts. */
export async function measureProgram(cluster: Cluster): Promise<Figure[]> {
  const db = await cluster.database();
  const environment = serviceEnvironment(db.url, SERVER_KEY);
  const starts: number[] = [];
  const memory: number[] = [];
  const imports: number[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const start = performance.now();
    const service = await startServer(
      [path('packages/florin/dist/cli/main.js'), 'serve'],
      environment,
    );
    await fetch(new URL('/healthz', service.url));
    starts.push(performance.now() - start);
    memory.push(residentMegabytes(service.pid));
    await service.stop();
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', IMPORT],
      { cwd: path('.') },
    );
    imports.push(Number(stdout));
  }
  await db.close();
  return [
    { what: '`florin serve`: first answer', seen: Math.min(...starts), atMost: 400, unit: 'ms' },
    { what: '`florin serve`: memory', seen: Math.min(...memory), atMost: 90, unit: 'MB' },
    { what: "`import 'florin'`", seen: Math.min(...imports), atMost: 150, unit: 'ms' },
    {
      what: '`florin/client`, minified and gzipped',
      seen: (await bundleClient()).size,
      atMost: 4_500,
      unit: 'bytes',
    },
  ];
}

function residentMegabytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) / 1024;
}
