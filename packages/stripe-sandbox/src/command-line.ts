import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { SandboxOptions } from './sandbox.ts';

export const USAGE = `Usage: stripe-sandbox [options]

A Stripe for this machine. Any test key (sk_test_…) is taken, unless --key names those that are.

  --port <port>          default 4243; 0 takes a free one
  --host <host>          default 127.0.0.1
  --public-url <url>     the address in links to pages, where browsers reach the sandbox by another one
  --data <path>          a folder, or a file: keeps everything over a restart; without it: in memory
  --fixtures <file>      JSON: {"prices": [{"id", "name", "unitAmount", …}], "endpoints": [{"url", "secret"}]}
  --webhook <url>        where events go; needs --webhook-secret
  --webhook-secret <s>   signs them
  --api-version <v>      the account's version, such as 2026-10-28.endive
  --dunning-ends <how>   what the last failed renewal makes of a subscription: canceled (default) or unpaid
  --seed <text>          the same requests give the same ids and times; time stands still until it is moved
  --key <key>            a key to take; may be repeated
  --help                 this text

Ends with 0 when stopped by Ctrl-C, 1 when it could not run, 2 when called wrongly.
`;

/** The command was called wrongly: exit 2. */
export class UsageError extends Error {}

const url = z.url({ protocol: /^https?$/ });

const FIXTURES = z.strictObject({
  prices: z
    .array(
      z.strictObject({
        id: z.string().min(1),
        name: z.string().min(1),
        unitAmount: z.int().min(0),
        description: z.string().optional(),
        lookupKey: z.string().optional(),
        currency: z.string().length(3).optional(),
        product: z.string().optional(),
        metadata: z.record(z.string(), z.string()).optional(),
        recurring: z
          .strictObject({
            interval: z.enum(['day', 'week', 'month', 'year']),
            intervalCount: z.int().min(1).exactOptional(),
          })
          .optional(),
      }),
    )
    .default([]),
  endpoints: z
    .array(
      z.strictObject({
        url,
        secret: z.string().min(1),
        apiVersion: z.string().optional(),
        enabledEvents: z.array(z.string()).optional(),
      }),
    )
    .default([]),
});

/** The options of a sandbox, as asked for on the command line; raises {@link UsageError}. */
export function readCommandLine(argv: readonly string[]): SandboxOptions | 'help' {
  const given = parse(argv);
  if (given.help === true) {
    return 'help';
  }
  const fixtures = readFixtures(given.fixtures);
  const { port, host, key } = given;
  return {
    ...(port === undefined ? {} : { port: readPort(port) }),
    ...(host === undefined ? {} : { host }),
    ...(given['public-url'] === undefined ? {} : { publicUrl: readUrl(given['public-url']) }),
    ...(key === undefined ? {} : { apiKeys: key }),
    ...readDunning(given['dunning-ends']),
    storage: readStorage(given.data),
    seed: given.seed,
    apiVersion: readVersion(given['api-version']),
    prices: fixtures.prices,
    endpoints: [...fixtures.endpoints, ...readEndpoint(given.webhook, given['webhook-secret'])],
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        'public-url': { type: 'string' },
        data: { type: 'string' },
        fixtures: { type: 'string' },
        webhook: { type: 'string' },
        'webhook-secret': { type: 'string' },
        'api-version': { type: 'string' },
        'dunning-ends': { type: 'string' },
        seed: { type: 'string' },
        key: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The file that everything is kept in: the one that was named, or sandbox.jsonl in the folder that was. */
function readStorage(path: string | undefined): string | undefined {
  const isFolder =
    path !== undefined &&
    (/[/\\]$/.test(path) || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  return isFolder ? join(path, 'sandbox.jsonl') : path;
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new UsageError(`--port wants a number from 0 to 65535, not "${text}".`);
  }
  return port;
}

function readUrl(text: string): string {
  if (!url.safeParse(text).success) {
    throw new UsageError(`--public-url wants an http or https address, not "${text}".`);
  }
  return text;
}

function readDunning(text: string | undefined): Pick<SandboxOptions, 'dunningEnds'> {
  if (text !== undefined && text !== 'canceled' && text !== 'unpaid') {
    throw new UsageError(`--dunning-ends wants canceled or unpaid, not "${text}".`);
  }
  return text === undefined ? {} : { dunningEnds: text };
}

function readVersion(text: string | undefined): string | undefined {
  if (text !== undefined && !/^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$/.test(text)) {
    throw new UsageError(
      `--api-version wants one of Stripe's, as 2026-10-28.endive, not "${text}".`,
    );
  }
  return text;
}

function readEndpoint(address: string | undefined, secret: string | undefined) {
  if (address === undefined && secret === undefined) {
    return [];
  }
  if (address === undefined || secret === undefined) {
    throw new UsageError('--webhook and --webhook-secret go together.');
  }
  if (!url.safeParse(address).success) {
    throw new UsageError(`--webhook wants an http or https address, not "${address}".`);
  }
  return [{ url: address, secret }];
}

function readFixtures(file: string | undefined): z.output<typeof FIXTURES> {
  if (file === undefined) {
    return { prices: [], endpoints: [] };
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--fixtures: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = FIXTURES.safeParse(value);
  if (!parsed.success) {
    throw new UsageError(
      `--fixtures: ${file} is not as it should be.\n${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}
