import { describe, expect, it } from 'vitest';
import { silentLogger } from '../kernel/index.ts';
import { nextGap, startJob } from './schedule.ts';

const around = { logger: silentLogger, random: () => 0.5 };

describe('a job', () => {
  it('runs again at once while there is more to do, and then after its gap', async () => {
    const answers = [true, true, false];
    let runs = 0;
    const job = startJob(
      { name: 'test', everyMs: 60_000, run: async () => answers[runs++] ?? false },
      around,
    );
    await expect.poll(() => runs).toBe(3);
    await job.stop();
    expect(runs).toBe(3);
  });

  it('goes on after a run that failed', async () => {
    let runs = 0;
    const job = startJob(
      {
        name: 'test',
        everyMs: 1,
        run: async () => {
          runs += 1;
          throw new Error('the database is away');
        },
      },
      around,
    );
    await expect.poll(() => runs).toBeGreaterThan(2);
    await job.stop();
  });

  it('waits for the run that is under way when it is stopped, and starts no other', async () => {
    let finish: () => void = () => undefined;
    let finished = false;
    let runs = 0;
    const job = startJob(
      {
        name: 'test',
        everyMs: 1,
        run: () => {
          runs += 1;
          return new Promise((resolve) => {
            finish = () => {
              finished = true;
              resolve(true);
            };
          });
        },
      },
      around,
    );
    const stopped = job.stop().then(() => finished);
    finish();
    expect(await stopped).toBe(true);
    expect(runs).toBe(1);
  });

  it('doubles its gap for each failure in a row, up to a minute, and keeps a longer one', () => {
    expect([0, 1, 3, 10].map((failures) => nextGap(2_000, failures))).toEqual([
      2_000, 4_000, 16_000, 60_000,
    ]);
    expect(nextGap(3_600_000, 5)).toBe(3_600_000);
  });
});
