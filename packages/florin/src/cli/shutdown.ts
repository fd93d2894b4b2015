import { setTimeout as wait } from 'node:timers/promises';
import { FlorinError } from '../kernel/index.ts';

/** What was started, to be stopped in the opposite order, each part within its time. */
export type Shutdown = {
  /** Remembers how to stop a part that has just started. */
  add(name: string, stop: () => Promise<void>): void;
  /** A part that must not end before it is stopped: then {@link broken} says so. */
  watch(ended: Promise<void>, message: string): void;
  /** Resolves with the reason when a watched part has ended by itself. */
  readonly broken: Promise<FlorinError>;
  /** Stops everything, newest first. A part that fails or hangs does not keep the others. */
  run(): Promise<readonly string[]>;
};

const MAX_STOP_MS = 25_000;
/** One Ctrl-C can arrive twice, from the terminal and through npm: only a later one is impatience. */
const IMPATIENT_AFTER_MS = 1_500;

export function createShutdown(): Shutdown {
  const parts: { name: string; stop: () => Promise<void> }[] = [];
  let stopping = false;
  let report: (reason: FlorinError) => void = () => undefined;
  const broken = new Promise<FlorinError>((resolve) => {
    report = resolve;
  });
  return {
    broken,
    watch(ended, message) {
      ended.then(() => stopping || report(new FlorinError('internal', message)));
    },
    add: (name, stop) => void parts.push({ name, stop }),
    async run() {
      stopping = true;
      const failures: string[] = [];
      for (const { name, stop } of parts.splice(0).reverse()) {
        const failure = await Promise.race([
          stop().then(
            () => undefined,
            (error: unknown) => String(error),
          ),
          wait(MAX_STOP_MS, 'did not stop in time', { ref: false }),
        ]);
        if (failure !== undefined) {
          failures.push(`${name}: ${failure}`);
        }
      }
      return failures;
    },
  };
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; one that comes later ends the process at once. */
export async function untilAskedToStop(): Promise<NodeJS.Signals> {
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  return await new Promise((resolve) => {
    let askedAt: number | undefined;
    const asked = (signal: NodeJS.Signals) => {
      if (askedAt === undefined) {
        askedAt = performance.now();
        resolve(signal);
      } else if (performance.now() - askedAt > IMPATIENT_AFTER_MS) {
        process.exit(1);
      }
    };
    for (const signal of signals) {
      process.on(signal, asked);
    }
  });
}
