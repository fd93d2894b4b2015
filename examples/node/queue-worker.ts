// A worker of a queue in Postgres, for jobs that take long and whose price is known when they are over.
//
//   DATABASE_URL=postgres://… npx jiti examples/node/queue-worker.ts
//
// It holds the most that a job may cost, gives the hold and its lease on the job more time while it works,
// and captures what was used. Start as many as you like. When one dies, another takes its job over once the
// lease is over, goes on where it stopped, and the job is charged once.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { connectLedger, InsufficientCreditsError } from 'florin';
import pg from 'pg';

const LEASE_SECONDS = Number(process.env['LEASE_SECONDS'] ?? 30);
const PAGE_MS = Number(process.env['PAGE_MS'] ?? 1_000);

type Job = { id: number; account_id: string; pages: number; done: number };

const worker = randomUUID();
const databaseUrl = process.env['DATABASE_URL'] ?? '';
const florin = connectLedger({ databaseUrl });
const queue = new pg.Pool({ connectionString: databaseUrl, max: 2 });

await queue.query(`create table if not exists jobs (
  id bigint generated always as identity primary key,
  account_id uuid not null, pages int not null, done int not null default 0,
  worker uuid, leased_until timestamptz, outcome text)`);

for (let left = await unfinished(); left > 0; left = await unfinished()) {
  const job = await take();
  await (job === undefined ? wait(250) : work(job));
}
await Promise.all([queue.end(), florin.close()]);

async function unfinished(): Promise<number> {
  const { rows } = await queue.query('select count(*)::int as n from jobs where outcome is null');
  return rows[0].n;
}

async function take(): Promise<Job | undefined> {
  const { rows } = await queue.query<Job>(
    `update jobs set worker = $1, leased_until = now() + make_interval(secs => $2)
      where id = (select id from jobs
                   where outcome is null and coalesce(leased_until < now(), true)
                   order by id for update skip locked limit 1)
      returning id, account_id, pages, done`,
    [worker, LEASE_SECONDS],
  );
  return rows[0];
}

/** Writes to a job while the lease is this worker's; throws when another has taken it over. */
async function write(job: Job, change: string, values: readonly unknown[]): Promise<void> {
  const { rowCount } = await queue.query(
    `update jobs set ${change} where id = $1 and worker = $2 and outcome is null`,
    [job.id, worker, ...values],
  );
  if (rowCount === 0) {
    throw new Error(`job ${job.id} belongs to another worker by now`);
  }
}

async function work(job: Job): Promise<void> {
  const { account_id: accountId, pages } = job;
  const holdSeconds = LEASE_SECONDS * 2;
  const request = {
    ...{ accountId, amount: pages, idempotencyKey: `job:${job.id}` },
    expiresInSeconds: holdSeconds,
  };
  try {
    const { used } = await florin.withHold(request, async ({ holdId, chargedBefore }) => {
      if (chargedBefore !== null) {
        return { result: 'only its end was not written down' };
      }
      let failure: unknown;
      const beat = async () => {
        await florin.extendHold({
          ...{ accountId, holdId, expiresInSeconds: holdSeconds },
          idempotencyKey: `job:${job.id}:beat:${randomUUID()}`,
        });
        await write(job, 'leased_until = now() + make_interval(secs => $3)', [LEASE_SECONDS]);
      };
      // At once, too: a hold that was taken over may be about to lapse.
      await beat();
      const beats = setInterval(() => {
        beat().catch((error: unknown) => {
          failure ??= error;
        });
      }, LEASE_SECONDS * 300);
      try {
        for (let page = job.done + 1; page <= pages; page += 1) {
          await wait(PAGE_MS);
          if (failure !== undefined) {
            throw failure;
          }
          await write(job, 'done = $3', [page]);
          console.log(`job ${job.id}: page ${page}`);
        }
      } finally {
        clearInterval(beats);
      }
      return { result: 'read', used: pages };
    });
    await write(job, 'outcome = $3', [`${used} credits`]);
    console.log(`job ${job.id}: ${used} credits`);
  } catch (error) {
    if (error instanceof InsufficientCreditsError) {
      await write(job, 'outcome = $3', [`needs ${error.required} credits`]);
    } else {
      // Whoever finds the lease over tries again, under the same key.
      console.error(`job ${job.id}:`, error);
    }
  }
}
