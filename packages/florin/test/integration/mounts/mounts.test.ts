import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/florin-process.ts';
import {
  ADA,
  APP_URL,
  JWT_SECRET,
  openService,
  read,
  SERVER_KEY,
  SHOP_URL,
  STRIPE_KEY,
  type TestService,
  WEBHOOK_SECRET,
} from '../http/florin-service.ts';

const ROOT = process.cwd();
const JITI = join(ROOT, 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs');

let service: TestService;
let place: string;
beforeAll(async () => {
  await ensureBuilt();
  service = await openService({ deliver: false });
  place = await mkdtemp(join(tmpdir(), 'florin-mounts-'));
});
afterAll(async () => {
  await service.close();
  await rm(place, { recursive: true });
});

type Host = { readonly url: string; output(): string; stop(): Promise<void> };

/** Starts a program that says `listening on <url>`, with the test's settings and no others. */
async function startHost(
  command: readonly [string, ...string[]],
  environment: Record<string, string> = {},
): Promise<Host> {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      HOME: place,
      DATABASE_URL: service.fresh.url,
      STRIPE_SECRET_KEY: STRIPE_KEY,
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
      STRIPE_API_BASE: service.sandbox.url,
      SUPABASE_URL: service.project.url,
      JWT_SECRET,
      FLORIN_SECRET_KEY: SERVER_KEY,
      APP_URL,
      ALLOWED_ORIGINS: SHOP_URL,
      PORT: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const url = await new Promise<string>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /listening on (http:\/\/[\w.:]+)/i.exec(said)?.[1];
      if (found !== undefined) {
        resolve(found.replace('0.0.0.0', '127.0.0.1'));
      }
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`The host did not start:\n${said}`)));
  });
  return {
    url,
    output: () => said,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** Denos's program, which the package `deno` brings; undefined on a machine that has none. */
function findDeno(): string | undefined {
  const require = createRequire(join(ROOT, 'package.json'));
  try {
    const packaged = require.resolve('deno/package.json');
    const { optionalDependencies } = JSON.parse(readFileSync(packaged, 'utf8'));
    for (const name of Object.keys(optionalDependencies)) {
      const program = join(ROOT, 'node_modules', name, 'deno');
      if (name.includes(`${process.platform}-${process.arch}`) && existsSync(program)) {
        return program;
      }
    }
  } catch {
    return undefined;
  }
  return undefined;
}

/** Deno finds `florin` as it is built here, and its dependencies where npm laid them. */
async function startEdge(deno: string): Promise<Host> {
  const map = join(place, 'imports.json');
  const built = pathToFileURL(join(ROOT, 'packages', 'florin', 'dist', 'index.js')).href;
  await writeFile(map, JSON.stringify({ imports: { florin: built } }));
  return startHost(
    [
      deno,
      'run',
      '--no-config',
      '--no-remote',
      '--no-check',
      '--node-modules-dir=manual',
      `--import-map=${map}`,
      '--allow-net',
      '--allow-env',
      '--allow-read',
      '--allow-sys',
      'examples/edge/functions/api/index.ts',
    ],
    {
      SUPABASE_DB_URL: service.fresh.url,
      DATABASE_URL: '',
      DENO_SERVE_ADDRESS: 'tcp:127.0.0.1:0',
    },
  );
}

const deno = findDeno();
if (deno === undefined) {
  process.stderr.write(
    'SKIPPED: the Edge Function is not run, because the package `deno` brought no program for this machine.\n',
  );
}

const hosts: readonly [string, (() => Promise<Host>) | undefined][] = [
  ['Express', () => startHost([process.execPath, JITI, 'examples/express/server.ts'])],
  ['Hono', () => startHost([process.execPath, JITI, 'examples/hono/server.ts'])],
  [
    "Next.js's route handlers",
    () =>
      startHost([process.execPath, JITI, 'packages/florin/test/integration/mounts/next-host.ts']),
  ],
  ['a Supabase Edge Function', deno === undefined ? undefined : () => startEdge(deno)],
];

/** A delivery as Stripe signs it, laid out so that it survives no parser. */
function signed(event: object): { body: string; signature: string } {
  const body = JSON.stringify(event, undefined, '\t').replaceAll('":', '" : ');
  const at = Math.floor(Date.now() / 1000);
  const v1 = createHmac('sha256', WEBHOOK_SECRET).update(`${at}.${body}`).digest('hex');
  return { body, signature: `t=${at},v1=${v1}` };
}

const deliver = async (host: Host, event: object) => {
  const { body, signature } = signed(event);
  return read(
    await fetch(`${host.url}/api/stripe/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'stripe-signature': signature },
      body,
    }),
  );
};

const bearer = async (account: string) => ({
  authorization: `Bearer ${await service.project.token({ sub: account })}`,
});

const buy = async (host: Host, account: string) => {
  const made = await read(
    await fetch(`${host.url}/api/create-checkout-session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(await bearer(account)) },
      body: JSON.stringify({ priceId: 'price_QUICK_SCAN' }),
    }),
  );
  expect(made.status, made.text).toBe(200);
  service.sandbox.pay(made.body.sessionId);
  const event = service.sandbox.events('checkout.session.completed').at(-1);
  expect(event).toBeDefined();
  return event as object;
};

describe.each(hosts)('mounted in %s', (_name, start) => {
  let host: Host;
  beforeAll(async () => {
    if (start !== undefined) {
      host = await start();
    }
  });
  afterAll(() => host?.stop());

  it.skipIf(start === undefined)('sells, takes the signed delivery and grants', async () => {
    const account = crypto.randomUUID();
    const event = await buy(host, account);
    const answer = await deliver(host, event);
    expect(answer.body).toMatchObject({ received: true, status: 'processed' });
    expect((await deliver(host, event)).status).toBe(200);
    const balance = await read(
      await fetch(`${host.url}/api/balance`, { headers: await bearer(account) }),
    );
    expect(balance.body.available).toBe(50);
  });

  it.skipIf(start === undefined)('runs what is due when a cron call asks for it', async () => {
    const call = (key: string) =>
      fetch(`${host.url}/api/jobs/run`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
      });
    expect((await call('nobody')).status).toBe(401);
    const ran = await read(await call(SERVER_KEY));
    expect(ran.status, ran.text).toBe(200);
    expect(ran.body.jobs).toHaveLength(7);
  });

  it.skipIf(start === undefined)('refuses an altered delivery, and one too large', async () => {
    const { body, signature } = signed({ id: 'evt_1', object: 'event' });
    const post = (text: string) =>
      fetch(`${host.url}/api/stripe/webhook`, {
        method: 'POST',
        headers: { 'stripe-signature': signature },
        body: text,
      });
    expect((await read(await post(`${body} `))).body.code).toBe('signature_invalid');
    expect((await post('x'.repeat(1024 * 1024 + 1))).status).toBe(413);
  });

  it.skipIf(start === undefined)('streams the balance as it changes', async () => {
    const account = crypto.randomUUID();
    const leaving = new AbortController();
    const response = await fetch(`${host.url}/api/balance/stream`, {
      headers: await bearer(account),
      signal: leaving.signal,
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    const readUntil = async (part: string) => {
      while (!text.includes(part)) {
        const { done, value } = await reader.read();
        expect(done, `the stream ended before ${part}: ${text}`).toBe(false);
        text += Buffer.from(value ?? []).toString();
      }
    };
    await readUntil('"available":0');
    await service.fresh.db.query("select credits.issue_grant($1, 7, 'elsewhere', 'bonus')", [
      account,
    ]);
    await readUntil('"available":7');
    leaving.abort();
  });

  it.skipIf(start === undefined)('answers problems, preflights and plans', async () => {
    const plans = await read(
      await fetch(`${host.url}/api/plans`, { headers: { origin: SHOP_URL } }),
    );
    expect(plans.body.plans).toMatchObject([{ priceId: 'price_QUICK_SCAN', amountMinor: 500 }]);
    expect(plans.headers.get('access-control-allow-origin')).toBe(SHOP_URL);
    const preflight = await fetch(`${host.url}/api/plan-session`, {
      method: 'OPTIONS',
      headers: { origin: SHOP_URL, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    const chosen = await fetch(`${host.url}/api/plan-session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: SHOP_URL },
      body: JSON.stringify({ priceId: 'price_QUICK_SCAN' }),
    });
    expect(chosen.headers.get('set-cookie')).toContain('__Host-plan_session=');
    const nothing = await read(await fetch(`${host.url}/api/nothing?x=1`));
    expect(nothing.body).toMatchObject({ code: 'not_found', status: 404 });
    expect((await fetch(`${host.url}/api/balance`)).status).toBe(401);
  });
});

describe('an Express app that parses bodies first', () => {
  const start = (environment: Record<string, string>) =>
    startHost(
      [process.execPath, JITI, 'packages/florin/test/integration/mounts/express-host.ts'],
      environment,
    );

  it('is told what to do, and Stripe that it must come again', async () => {
    const host = await start({});
    try {
      for (const path of ['/api/stripe/webhook', '/api/plan-session']) {
        const answer = await read(
          await fetch(host.url + path, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{"priceId":"price_QUICK_SCAN"}',
          }),
        );
        expect(answer.status).toBe(500);
        expect(answer.body.code).toBe('body_already_read');
        expect(answer.body.detail).toContain('before express.json()');
      }
      expect((await fetch(`${host.url}/api/plans`)).status).toBe(200);
    } finally {
      await host.stop();
    }
  });

  it('works where the parser keeps the bytes', async () => {
    const host = await start({ KEEP_BYTES: 'yes' });
    try {
      const answer = await deliver(host, await buy(host, ADA));
      expect(answer.body).toMatchObject({ received: true, status: 'processed' });
    } finally {
      await host.stop();
    }
  });
});

describe('the example in Express', () => {
  it("spends in the app's own route, after Florin's", async () => {
    const host = await startHost([process.execPath, JITI, 'examples/express/server.ts']);
    try {
      const userId = crypto.randomUUID();
      await service.fresh.db.query("select credits.issue_grant($1, 5, 'g', 'bonus')", [userId]);
      const scan = async (scanId: string) =>
        read(
          await fetch(`${host.url}/scans`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ userId, scanId, pages: 3 }),
          }),
        );
      expect((await scan('1')).body).toEqual({ creditsLeft: 2 });
      expect((await scan('1')).body).toEqual({ creditsLeft: 2 });
      expect(await scan('2')).toMatchObject({ status: 402, body: { available: 2, required: 3 } });
    } finally {
      await host.stop();
    }
  });
});

describe("the example's cron call in Next.js", () => {
  it('runs the jobs for a caller who knows the secret', async () => {
    const host = await startHost(
      [process.execPath, JITI, 'packages/florin/test/integration/mounts/next-host.ts'],
      {
        CRON_SECRET: 'c7d1f0a2',
      },
    );
    try {
      const ask = (authorization: string) =>
        fetch(`${host.url}/api/cron`, { headers: { authorization } });
      expect((await ask('')).status).toBe(401);
      expect((await ask('Bearer undefined')).status).toBe(401);
      const ran = await (await ask('Bearer c7d1f0a2')).json();
      expect(ran.jobs).toContainEqual({ job: 'drain', more: false, failure: null });
    } finally {
      await host.stop();
    }
  });
});
