import { type Clock, type ErrorCode, FlorinError, type Logger } from '../kernel/index.ts';
import type { Job } from './schedule.ts';

/** What became of one job in one call. */
export type JobOutcome = {
  readonly job: string;
  /** True: there is more to do than the time allowed; the next call goes on. */
  readonly more: boolean;
  /** Why it stopped early; null when it did not. It is made again by the next call. */
  readonly failure: ErrorCode | null;
};

/**
 * Runs each job once, and again while it has more to do and `forMs` are not over. One that fails is
 * logged, told in its outcome, and does not keep the others from running.
 */
export async function runOnce(
  jobs: readonly Job[],
  deps: { logger: Logger; clock: Clock; forMs: number },
): Promise<JobOutcome[]> {
  const { logger, clock, forMs } = deps;
  const until = clock.now().getTime() + forMs;
  const outcomes: JobOutcome[] = [];
  for (const job of jobs) {
    let more = true;
    let failure: ErrorCode | null = null;
    try {
      do {
        more = await job.run();
      } while (more && clock.now().getTime() < until);
    } catch (error) {
      const { code, message } =
        error instanceof FlorinError
          ? error
          : { code: 'internal' as const, message: String(error) };
      failure = code;
      logger.error({ job: job.name, code, error: message }, 'a job failed and will run again');
    }
    outcomes.push({ job: job.name, more, failure });
  }
  return outcomes;
}
