import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const jiti = require(workerData.jiti)(workerData.filename, { fsCache: false });
parentPort.postMessage(jiti.transform(workerData));
`;

/**
 * The TypeScript of `filename` as jiti's JavaScript, compiled in a thread of its own: the compiler's 20 MB end
 * with it, instead of staying with the service as long as it runs.
 */
export async function compile(filename: string): Promise<string> {
  const worker = new Worker(PROGRAM, {
    eval: true,
    execArgv: [],
    workerData: {
      jiti: createRequire(import.meta.url).resolve('jiti'),
      filename,
      source: await readFile(filename, 'utf8'),
      ts: true,
      async: true,
      interopDefault: true,
    },
  });
  const [code] = await once(worker, 'message');
  return String(code);
}
