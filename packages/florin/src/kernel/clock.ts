/** The time, passed in wherever policy needs it. The ledger's own time is the database's. */
export type Clock = { now(): Date };

export const systemClock: Clock = { now: () => new Date() };
