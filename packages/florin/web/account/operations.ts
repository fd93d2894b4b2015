import type { Transaction } from '../../src/browser/index.ts';

/** Entries of one day that are one thing to the buyer: a purchase, or a run of like scans. */
export type Operation = {
  readonly key: string;
  readonly title: string;
  readonly amount: number;
  readonly postedAfter: number;
  /** Newest first. */
  readonly entries: readonly Transaction[];
};

export type Day = { readonly day: string; readonly operations: readonly Operation[] };

const TITLES: Readonly<Record<string, string>> = {
  grant: 'Credits received',
  spend: 'Credits used',
  capture: 'Credits used',
  expiry: 'Credits expired',
  void: 'Credits withdrawn',
  reversal: 'Taken back with a refund',
  adjustment: 'Adjusted by support',
  schedule: 'Credits on their way',
};

/** Steps of a job that is not done, and the account's closing: they move no credits. */
const STILL: ReadonlySet<string> = new Set(['hold', 'release', 'close']);

const USES: ReadonlySet<string> = new Set(['spend', 'capture']);

/** Groups entries (newest first) by the reader's day, and neighbours that are the same use. */
export function groupOperations(
  entries: readonly Transaction[],
  words: { humanize(name: string): string; dayOf(instant: string): string },
): readonly Day[] {
  const days: { day: string; operations: Operation[] }[] = [];
  for (const entry of entries.filter(({ kind }) => !STILL.has(kind))) {
    const day = words.dayOf(entry.createdAt);
    let group = days.at(-1);
    if (group?.day !== day) {
      group = { day, operations: [] };
      days.push(group);
    }
    const title = titleOf(entry, words.humanize);
    const before = group.operations.at(-1);
    if (before !== undefined && before.title === title && USES.has(entry.kind)) {
      group.operations[group.operations.length - 1] = {
        ...before,
        amount: before.amount + entry.amount,
        entries: [...before.entries, entry],
      };
    } else {
      const { entryId: key, amount, postedAfter } = entry;
      group.operations.push({ key, title, amount, postedAfter, entries: [entry] });
    }
  }
  return days;
}

/** Why a payment's credits are taken back, by how the reason begins. */
const TAKEN_BACK = [
  ['dispute_', 'Held back by a dispute'],
  ['fraud_warning_', 'Held back by a fraud warning'],
  ['return_', 'Credited back'],
  ['refund_', 'Refunded'],
] as const;

function titleOf(entry: Transaction, humanize: (name: string) => string): string {
  if (entry.kind === 'reversal' && entry.amount > 0) {
    return 'Given back';
  }
  const taken = TAKEN_BACK.find(([prefix]) => entry.reason?.startsWith(prefix));
  if (entry.kind === 'reversal' && entry.reason !== null && taken !== undefined) {
    const [prefix, why] = taken;
    return `${why}: ${humanize(entry.reason.slice(prefix.length)).toLowerCase()}`;
  }
  if (entry.reason !== null && (entry.kind === 'grant' || USES.has(entry.kind))) {
    return humanize(entry.reason);
  }
  return TITLES[entry.kind] ?? humanize(entry.kind);
}
