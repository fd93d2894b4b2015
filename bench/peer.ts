import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { credits, initCredits } from 'stripe-no-webhooks';
import { type BenchDatabase, newKey } from './cluster.ts';

const PACKAGE = new URL('../node_modules/stripe-no-webhooks/', import.meta.url);
const CREDIT_KEY = 'scans';

export function peerVersion(): string {
  return String(JSON.parse(readFileSync(new URL('package.json', PACKAGE), 'utf8')).version);
}

/** The closest peer on the same server: its own migration, its own code, a pool of `connections`. */
export async function openPeer(
  db: BenchDatabase,
  accountIds: readonly string[],
  connections: number,
) {
  const program = fileURLToPath(new URL('bin/cli.js', PACKAGE));
  await promisify(execFile)(process.execPath, [program, 'migrate', db.adminUrl]);
  await db.asAdmin(
    `insert into stripe.credit_balances (user_id, key, balance)
     select id, '${CREDIT_KEY}', 1000000000000 from unnest('{${accountIds.join(',')}}'::text[]) as id`,
    'grant usage on schema stripe to postgres',
    'grant all on all tables in schema stripe to postgres',
    'vacuum analyze stripe.credit_balances',
  );
  const pool = new pg.Pool({ connectionString: db.url, max: connections });
  initCredits(pool);
  return {
    consume: (userId: string) =>
      credits.consume({ userId, key: CREDIT_KEY, amount: 1, idempotencyKey: newKey() }),
    close: () => pool.end(),
  };
}
