import type { FlorinError } from '../kernel/index.ts';

/** Lets a limited number of callers through at a time; the rest wait in order. */
export type Gate = {
  /** Resolves when it is the caller's turn, with what ends the turn. Rejects with the gate's refusal. */
  enter(): Promise<() => void>;
  /** Callers that wait. */
  readonly waiting: number;
  /** Whether nobody is inside. */
  readonly idle: boolean;
};

export type GateOptions = {
  readonly max: number;
  readonly maxWaiting: number;
  /** Milliseconds that a caller waits for its turn. */
  readonly waitMs: number;
  /** What is thrown at those who come when too many wait, or who have waited too long. */
  readonly refusal: () => FlorinError;
};

type Waiter = { readonly admit: () => void };

export function createGate({ max, maxWaiting, waitMs, refusal }: GateOptions): Gate {
  const line = new Set<Waiter>();
  let inside = 0;

  function leave(): void {
    const [next] = line;
    if (next === undefined) {
      inside -= 1;
    } else {
      line.delete(next);
      next.admit();
    }
  }

  return {
    get waiting() {
      return line.size;
    },
    get idle() {
      return inside === 0;
    },
    async enter() {
      if (inside < max) {
        inside += 1;
        return leave;
      }
      if (line.size >= maxWaiting) {
        throw refusal();
      }
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = {
          admit: () => {
            clearTimeout(timer);
            resolve();
          },
        };
        const timer = setTimeout(() => {
          line.delete(waiter);
          reject(refusal());
        }, waitMs);
        line.add(waiter);
      });
      return leave;
    },
  };
}
