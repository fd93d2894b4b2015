import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { SETTINGS } from '../../src/config.ts';

export { freePorts } from '../../../stripe-sandbox/test/support/ports.ts';

const ROOT = process.cwd();
const PROGRAM = join(ROOT, 'packages', 'florin', 'dist', 'cli', 'main.js');
const BUILD_TIMEOUT_MS = 180_000;
/** Settings of whoever runs the tests must not reach the process under test. */
const isOwn = (name: string) => SETTINGS.includes(name) || /^(STRIPE|SUPABASE|FLORIN)_/.test(name);

export type Finished = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type RunOptions = {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Another program than the one built here: one that was installed. */
  program?: string;
};

export type FlorinProcess = {
  readonly child: ChildProcess;
  /** Everything printed so far, on both streams. */
  output(): string;
  /** Resolves when the output holds `text`; rejects when the process ends first. */
  until(text: string | RegExp, timeoutMs?: number): Promise<void>;
  finished: Promise<Finished>;
};

/** Builds what ships, once a run, however many test files ask. */
export async function ensureBuilt(): Promise<void> {
  const folder = join(inject('runFolder'), 'build');
  const result = join(folder, 'result');
  const isFirst = await mkdir(folder).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const outcome = await promisify(execFile)('npm', ['run', '--silent', 'build'], {
      cwd: ROOT,
    }).then(
      () => '',
      (error: Error & { stdout?: string; stderr?: string }) =>
        `${error.message}\n${error.stdout ?? ''}\n${error.stderr ?? ''}`,
    );
    await writeFile(result, outcome);
  }
  const deadline = Date.now() + BUILD_TIMEOUT_MS;
  while (!existsSync(result)) {
    if (Date.now() > deadline) {
      throw new Error('The build took too long.');
    }
    await wait(100);
  }
  const failure = await readFile(result, 'utf8');
  if (failure !== '') {
    throw new Error(`The build failed: ${failure}`);
  }
}

/** Starts the built `florin` with no settings but the given ones. */
export async function startFlorin(
  args: readonly string[],
  options: RunOptions = {},
): Promise<FlorinProcess> {
  await ensureBuilt();
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !isOwn(name)),
  );
  const child = spawn(process.execPath, [options.program ?? PROGRAM, ...args], {
    cwd: options.cwd ?? inject('runFolder'),
    env: { ...inherited, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  let over = false;
  finished.then(() => {
    over = true;
  });
  const output = () => stdout + stderr;
  return {
    child,
    output,
    finished,
    async until(text, timeoutMs = 60_000) {
      const matches = () =>
        typeof text === 'string' ? output().includes(text) : text.test(output());
      const deadline = Date.now() + timeoutMs;
      while (!matches()) {
        if (over || Date.now() > deadline) {
          throw new Error(`${over ? 'It ended' : 'Time ran out'} before ${text}:\n${output()}`);
        }
        await wait(20);
      }
    },
  };
}

/** Runs the built `florin` to its end. */
export async function runFlorin(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  return await (await startFlorin(args, options)).finished;
}
