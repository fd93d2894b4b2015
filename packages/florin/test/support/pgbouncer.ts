import { spawn } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { chooseServerUser } from '../../../florin-dev/src/postgres/user.ts';
import { freePorts } from '../../../stripe-sandbox/test/support/ports.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

export type Pooler = {
  /** The address behind the pooler, with `?pgbouncer=true`. */
  readonly url: string;
  stop(): Promise<void>;
};

/** A pooler in transaction mode with few server connections, so that sessions really are shared. */
export async function startPgBouncer(target: string, serverConnections = 3): Promise<Pooler> {
  const home = await mkdtemp(join(tmpdir(), `florin-test-${process.pid}-`));
  const user = await chooseServerUser(home);
  const server = new URL(target);
  const [port = 0] = await freePorts(1);
  const settings = join(home, 'pgbouncer.ini');
  await writeFile(
    settings,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username} password=${decodeURIComponent(server.password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${serverConnections}
max_client_conn = 500
`,
  );
  if (user.uid !== undefined && user.gid !== undefined) {
    await chown(home, user.uid, user.gid);
    await chown(settings, user.uid, user.gid);
  }
  await chmod(settings, 0o600);
  const child = spawn(PROGRAM, ['-q', settings], { ...user, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  await untilItAnswers(url.toString());
  url.searchParams.set('pgbouncer', 'true');
  return {
    url: url.toString(),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function untilItAnswers(url: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
      return;
    } catch (error) {
      if (attempt >= 100) {
        throw error;
      }
      await wait(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
