import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import Stripe from 'stripe';
import {
  ensureBuilt,
  type Finished,
  freePorts,
  runFlorin,
  startFlorin,
} from '../../support/florin-process.ts';

export type Product = {
  /** Where buyers sign in and return to. */
  readonly app: string;
  /** Another origin of the same service: the shop. */
  readonly shop: string;
  readonly sandbox: string;
  /** Stripe's own SDK on the sandbox, as a person at the dashboard would act. */
  readonly stripe: Stripe;
  /** What a bank, bad luck or time would do: an action of the sandbox by its name. */
  control(action: string, body: object): Promise<void>;
  /** How many deliveries of events have not been answered with success yet. */
  undelivered(): Promise<number>;
  /** The folder that it runs in, and what it printed there. */
  readonly folder: string;
  printed(): string;
  /** Runs `florin` as a process of its own in the folder of this one, as an operator would. */
  florin(...args: string[]): Promise<Finished>;
  stop(): Promise<void>;
};

/**
 * `florin dev` as a newcomer starts it, in a folder and on ports of its own, with two origins. `catalog`:
 * what `florin.config.json` says; absent: the shipped catalogue.
 */
export async function startProduct(options: { catalog?: object } = {}): Promise<Product> {
  await ensureBuilt();
  const folder = await mkdtemp(join(tmpdir(), 'florin-product-'));
  await chmod(folder, 0o755);
  if (options.catalog !== undefined) {
    await writeFile(join(folder, 'florin.config.json'), JSON.stringify(options.catalog));
  }
  const [service = 0, sandbox = 0, issuer = 0] = await freePorts(3);
  const app = `http://app.localhost:${service}`;
  const shop = `http://shop.localhost:${service}`;
  const dev = await startFlorin(
    ['dev', '--sandbox-port', String(sandbox), '--issuer-port', String(issuer)],
    {
      cwd: folder,
      env: { PORT: String(service), APP_URL: app, ALLOWED_ORIGINS: `${app},${shop}` },
    },
  );
  let stopping = false;
  const ended = dev.finished.then(() => {
    if (!stopping) {
      throw new Error(`florin dev ended by itself:\n${dev.output()}`);
    }
  });
  ended.catch(() => undefined);
  const stop = async () => {
    stopping = true;
    dev.child.kill('SIGTERM');
    await dev.finished;
    await rm(folder, { recursive: true, force: true });
    await ended;
  };
  try {
    await dev.until(/^ready$/m);
    const secrets = JSON.parse(await readFile(join(folder, '.florin', 'secrets.json'), 'utf8'));
    return {
      app,
      shop,
      sandbox: `http://localhost:${sandbox}`,
      stripe: new Stripe(secrets.STRIPE_SECRET_KEY, {
        host: 'localhost',
        port: sandbox,
        protocol: 'http',
      }),
      async control(action, body) {
        const response = await fetch(`http://localhost:${sandbox}/sandbox/api/${action}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        if (!response.ok) {
          throw new Error(`${action}: ${response.status} ${await response.text()}`);
        }
      },
      async undelivered() {
        const response = await fetch(`http://localhost:${sandbox}/sandbox/api/deliveries`);
        const deliveries = (await response.json()) as { status: string }[];
        return deliveries.filter(({ status }) => status === 'pending').length;
      },
      folder,
      printed: dev.output,
      florin: (...args) => runFlorin(args, { cwd: folder }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export const PASSWORD = 'correct horse battery';

/** Whoever signed up, and their access token. */
export type SignedUp = { readonly email: string; readonly userId: string; readonly token: string };

/** Signs up on the account page, and waits until it shows the new account's balance. */
export async function signUp(
  page: Page,
  { app }: Product,
  email = `buyer-${randomBytes(6).toString('hex')}@example.com`,
): Promise<SignedUp> {
  await page.goto(`${app}/index.html`);
  await page.getByRole('button', { name: 'Create an account instead' }).click();
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account', exact: true }).click();
  await page.getByTestId('available').waitFor();
  const session = JSON.parse(
    await page.evaluate<string>("localStorage.getItem('florin.session')"),
  ) as { accessToken: string; user: { id: string } };
  return { email, userId: session.user.id, token: session.accessToken };
}
