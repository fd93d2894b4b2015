import { DatabaseUnavailableError, FlorinError } from '../kernel/index.ts';
import { createGate, type Gate } from './gate.ts';

/** Who may hold how many of the pool's connections at a time (docs/decisions/0080). */
export type Shares = {
  /** Resolves when the caller may take a connection, with what gives its share back. */
  enter(use: Use): Promise<() => void>;
  /** Callers that wait for their share. */
  readonly waiting: number;
  /** Callers that were refused since the start, because their lane was full. */
  readonly refused: number;
};

export type Use = {
  /** Work of one name shares few connections: an account's writes, which wait for one row anyway. */
  readonly lane?: string | undefined;
  /** May take the connections that are kept from everybody else. */
  readonly reserved: boolean;
};

/** Connections that one lane may hold. Its writes wait for one lock: more would only wait inside Postgres. */
const LANE_CONNECTIONS = 2;
/** Callers that may wait in one lane. */
const LANE_WAITING = 1_000;
const NOTHING = () => undefined;

export function createShares(options: {
  /** Connections of the pool. */
  readonly max: number;
  /** How many of them are kept for reserved use. */
  readonly reserved: number;
  /** Milliseconds that a caller waits for its share. */
  readonly waitMs: number;
}): Shares {
  const { max, waitMs } = options;
  const open = max - options.reserved;
  // Then the pool's own queue does, which hands a connection on without a detour.
  const keepsNone = options.reserved === 0;
  const general = createGate({
    max: open,
    maxWaiting: Number.POSITIVE_INFINITY,
    waitMs,
    refusal: () => {
      const seconds = waitMs / 1000;
      return new DatabaseUnavailableError(
        `No connection to the database became free within ${seconds} seconds. Retry with the same key.`,
      );
    },
  });
  const lanes = new Map<string, Gate>();
  const laneMax = Math.max(1, Math.min(LANE_CONNECTIONS, Math.floor(open / 2)));
  let refused = 0;

  function laneOf(name: string): Gate {
    const known = lanes.get(name);
    if (known !== undefined) {
      return known;
    }
    const lane = createGate({
      max: laneMax,
      maxWaiting: LANE_WAITING,
      waitMs,
      refusal: () => {
        refused += 1;
        return new FlorinError(
          'account_busy',
          'Too much waits for this account at the moment. Nothing was done: retry with the same key.',
        );
      },
    });
    lanes.set(name, lane);
    return lane;
  }

  async function enterLane(name: string): Promise<() => void> {
    const lane = laneOf(name);
    const leave = await lane.enter();
    return () => {
      leave();
      if (lane.idle) {
        lanes.delete(name);
      }
    };
  }

  return {
    get waiting() {
      let sum = general.waiting;
      for (const lane of lanes.values()) {
        sum += lane.waiting;
      }
      return sum;
    },
    get refused() {
      return refused;
    },
    async enter({ lane, reserved }) {
      const leaveLane = lane === undefined ? undefined : await enterLane(lane);
      if (reserved || keepsNone) {
        return leaveLane ?? NOTHING;
      }
      try {
        const leave = await general.enter();
        return () => {
          leave();
          leaveLane?.();
        };
      } catch (error) {
        leaveLane?.();
        throw error;
      }
    },
  };
}
