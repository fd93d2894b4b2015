import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import Stripe from 'stripe';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCommandLine } from '../src/command-line.ts';

const PROGRAM = resolve(import.meta.dirname, '../src/main.ts');
const JITI = resolve(import.meta.dirname, '../../../node_modules/jiti/lib/jiti-cli.mjs');

async function fixtures(content: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stripe-sandbox-command-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'fixtures.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

describe('the command stripe-sandbox', () => {
  it('serves its fixtures to the real SDK until it is stopped', { timeout: 90_000 }, async () => {
    const file = await fixtures({ prices: [{ id: 'price_PACK', name: 'Pack', unitAmount: 500 }] });
    const data = ['--data', dirname(file)];
    const given = ['--port', '0', '--fixtures', file, ...data];
    const child = spawn(process.execPath, [JITI, PROGRAM, ...given]);
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const ended = new Promise((done) => child.once('close', done));
    await expect.poll(() => output, { timeout: 60_000 }).toContain('ready\n');
    const { hostname, port } = new URL(/^API +(\S+)$/m.exec(output)?.[1] ?? '');
    const key = /^key +(\S+)/m.exec(output)?.[1] ?? '';
    const stripe = new Stripe(key, { host: hostname, port, protocol: 'http' });
    expect(await stripe.prices.retrieve('price_PACK')).toMatchObject({ unit_amount: 500 });
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(output).toContain('stopped\n');
    expect(await readFile(join(dirname(file), 'sandbox.jsonl'), 'utf8')).toContain('price_PACK');
  });

  it('takes its settings from the options', () => {
    const asked = readCommandLine([
      ...['--port', '0', '--host', '::1', '--data', 'here.jsonl'],
      ...['--public-url', 'http://localhost:4243'],
      ...['--key', 'sk_test_a', '--key', 'sk_test_b', '--api-version', '2026-10-28.endive'],
      ...['--webhook', 'http://localhost:3000/hook', '--webhook-secret', 'whsec_1'],
      ...['--dunning-ends', 'unpaid'],
    ]);
    expect(asked).toEqual({
      port: 0,
      host: '::1',
      publicUrl: 'http://localhost:4243',
      storage: 'here.jsonl',
      apiKeys: ['sk_test_a', 'sk_test_b'],
      apiVersion: '2026-10-28.endive',
      dunningEnds: 'unpaid',
      prices: [],
      endpoints: [{ url: 'http://localhost:3000/hook', secret: 'whsec_1' }],
    });
  });

  it('keeps its data in a folder that is there or is named as one, else in a file', () => {
    const storage = (data: string) => readCommandLine(['--data', data]);
    const here = import.meta.dirname;
    expect(storage(here)).toMatchObject({ storage: join(here, 'sandbox.jsonl') });
    expect(storage('data/')).toMatchObject({ storage: join('data', 'sandbox.jsonl') });
    expect(storage('data')).toMatchObject({ storage: 'data' });
  });

  it.each([
    [['--prot', '1'], '--prot'],
    [['--port', '65536'], '65535'],
    [['--port', 'x'], '--port'],
    [['--api-version', 'newest'], '--api-version'],
    [['--webhook', 'http://localhost'], '--webhook-secret'],
    [['--public-url', 'localhost:4243'], '--public-url'],
    [['--webhook', 'localhost', '--webhook-secret', 's'], 'http'],
    [['--dunning-ends', 'paid'], '--dunning-ends'],
    [['--fixtures', 'nowhere.json'], 'nowhere.json'],
  ])('refuses %j and names the fault', (argv, named) => {
    expect(() => readCommandLine(argv)).toThrow(named);
  });

  it.each([
    [{ prices: [{ id: 'price_A', name: 'A', unitAmuont: 5 }] }, 'unitAmuont'],
    [{ prices: [{ id: 'price_A', name: 'A', unitAmount: 0.5 }] }, 'unitAmount'],
    [{ endpoints: [{ url: 'ftp://x', secret: 's' }] }, 'url'],
    ['{', 'JSON'],
  ])('refuses the fixtures %j and names the fault', async (content, named) => {
    const file = await fixtures(content);
    expect(() => readCommandLine(['--fixtures', file])).toThrow(named);
  });
});
