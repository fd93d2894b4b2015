import { backoff, type Logger } from '../kernel/index.ts';

/** A job that runs again and again until it is stopped. */
export type Job = {
  readonly name: string;
  /** Milliseconds from the end of one run to the start of the next, give or take a tenth. */
  readonly everyMs: number;
  /** One run; true asks for another at once, because there was more than one run may do. */
  readonly run: () => Promise<boolean>;
};

export type RunningJob = {
  /** Starts no more runs, and waits for the one that is under way. */
  stop(): Promise<void>;
};

/**
 * Runs a job in the background. A run that fails is logged and does not end the job; failures in a
 * row are spaced out up to a minute, so that a database that is away is not hammered.
 */
export function startJob(job: Job, deps: { logger: Logger; random: () => number }): RunningJob {
  const { logger, random } = deps;
  let stopped = false;
  let wake: () => void = () => undefined;
  let failures = 0;

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const once = async (): Promise<boolean> => {
    try {
      const more = await job.run();
      failures = 0;
      return more;
    } catch (error) {
      failures += 1;
      const message = error instanceof Error ? error.message : String(error);
      logger.error({ job: job.name, failures, error: message }, 'a job failed and will run again');
      return false;
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopped) {
      const more = await once();
      if (!more && !stopped) {
        await pause(nextGap(job.everyMs, failures) * (0.9 + random() * 0.2));
      }
    }
  };

  const done = loop();
  return {
    async stop() {
      stopped = true;
      wake();
      await done;
    },
  };
}

const MAX_GAP_MS = 60_000;

/** The usual gap, doubled for each failure in a row up to a minute, and never shortened. */
export function nextGap(everyMs: number, failures: number): number {
  return Math.max(everyMs, backoff(failures + 1, { first: everyMs, max: MAX_GAP_MS }));
}
