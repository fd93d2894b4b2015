/** What goes wrong with deliveries on purpose. All off by default. */
export type Faults = {
  /** Each delivery is sent this many more times, at once. */
  duplicates: number;
  /** Milliseconds that every delivery waits first. */
  delayMs: number;
  /** Deliveries of about the same time are sent one by one, the latest first. */
  reorder: boolean;
  /** The next this many deliveries never arrive; `Infinity` (in JSON: -1) is all. */
  dropNext: number;
  /** Types whose deliveries never arrive. */
  dropTypes: readonly string[];
  /** Each event is told a second time under another event id. */
  twins: boolean;
  /** Endpoints do not answer: each attempt fails and is repeated until it is given up. */
  down: boolean;
};

export const NO_FAULTS: Faults = {
  duplicates: 0,
  delayMs: 0,
  reorder: false,
  dropNext: 0,
  dropTypes: [],
  twins: false,
  down: false,
};
