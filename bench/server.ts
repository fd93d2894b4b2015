import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/** A file of the project. */
export const path = (name: string) => fileURLToPath(new URL(name, root));

export const WEBHOOK_SECRET = 'whsec_4c8e1f7a9b3d5260';

/** What `florin serve` needs, on a database; nobody is where it looks for Stripe. */
export function serviceEnvironment(databaseUrl: string, serverKey: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    STRIPE_SECRET_KEY: 'sk_test_51Bench7mark',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    // Nobody there: no job of the service finds work at Stripe.
    STRIPE_API_BASE: 'http://127.0.0.1:9',
    SUPABASE_URL: 'http://127.0.0.1:9',
    JWT_SECRET: 'p3v9Q2mZr8tW5xYb1nLpA7cFhJ0sDgUe',
    FLORIN_SECRET_KEY: serverKey,
    APP_URL: 'http://127.0.0.1:4242',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'warn',
  };
}

export type Server = { readonly url: URL; readonly pid: number; stop(): Promise<void> };

/** Starts a program that says `listening on <url>`, with nothing of this process's settings. */
export async function startServer(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Server> {
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: path('.'),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const url = await new Promise<URL>((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /listening on (http:\S+)/.exec(said)?.[1];
      if (found !== undefined) {
        resolve(new URL(found));
      }
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('close', () => reject(new Error(`The server did not start: ${said}`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
