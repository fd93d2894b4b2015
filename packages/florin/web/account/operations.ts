import type { Credits, Transaction } from '../../src/browser/index.ts';
import { addCredits } from '../frame/format.ts';

/** Entries of one day that are one thing to the buyer: a purchase, a run of like scans, a change of plan. */
export type Operation = {
  readonly key: string;
  readonly title: string;
  /** Of a change of plan: what came and what went. */
  readonly note?: string;
  readonly amount: Credits;
  readonly postedAfter: Credits;
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
  transfer: 'Moved between accounts',
  schedule: 'Credits on their way',
};

/** Steps of a job that is not done, and the account's closing: they move no credits. */
const STILL: ReadonlySet<string> = new Set(['hold', 'extension', 'release', 'close', 'erasure']);

const USES: ReadonlySet<string> = new Set(['spend', 'capture']);

type Words = {
  humanize(name: string): string;
  dayOf(instant: string): string;
  planName(planType: string): string;
};

/**
 * Groups entries (newest first) by the reader's day, and neighbours that are the same use or belong to
 * one change of plan.
 */
export function groupOperations(entries: readonly Transaction[], words: Words): readonly Day[] {
  const days: { day: string; operations: Operation[] }[] = [];
  const shown = entries.filter(({ kind }) => !STILL.has(kind));
  for (let index = 0; index < shown.length; index += 1) {
    const entry = shown[index] as Transaction;
    const day = words.dayOf(entry.createdAt);
    let group = days.at(-1);
    if (group?.day !== day) {
      group = { day, operations: [] };
      days.push(group);
    }
    const change = changeAt(shown, index, words);
    if (change !== undefined) {
      group.operations.push(change);
      index += change.entries.length - 1;
      continue;
    }
    const title = titleOf(entry, words.humanize);
    const before = group.operations.at(-1);
    if (before !== undefined && before.title === title && USES.has(entry.kind)) {
      group.operations[group.operations.length - 1] = {
        ...before,
        amount: addCredits(before.amount, entry.amount),
        entries: [...before.entries, entry],
      };
    } else {
      const { entryId: key, amount, postedAfter } = entry;
      group.operations.push({ key, title, amount, postedAfter, entries: [entry] });
    }
  }
  return days;
}

/** The change of plan whose entries begin here: one event both gave credits and took some back for it. */
function changeAt(
  shown: readonly Transaction[],
  index: number,
  words: Words,
): Operation | undefined {
  const first = shown[index];
  const eventId = first?.eventId ?? null;
  if (first === undefined || eventId === null) {
    return undefined;
  }
  const end = shown.findIndex((one, at) => at > index && one.eventId !== eventId);
  const entries = shown.slice(index, end === -1 ? undefined : end);
  const back = entries.filter(({ kind, amount, reason }) => {
    return kind === 'reversal' && Number(amount) < 0 && reason?.startsWith('return_') === true;
  });
  const added = entries.filter(({ kind, amount }) => kind === 'grant' && Number(amount) > 0);
  if (back.length === 0 || added.length === 0) {
    return undefined;
  }
  return {
    key: first.entryId,
    title: changeTitle(back, added, words),
    note: `${totalOf(added)} added, ${-totalOf(back)} back`,
    amount: totalOf(entries),
    postedAfter: first.postedAfter,
    entries,
  };
}

/** `Basic to Vision Pro`; one plan for itself, in other numbers, has changed. */
function changeTitle(
  back: readonly Transaction[],
  added: readonly Transaction[],
  { planName }: Words,
): string {
  const typesOf = (entries: readonly Transaction[]) =>
    new Set(entries.flatMap(({ planType }) => planType ?? []));
  const to = [...typesOf(added)];
  const from = [...typesOf(back)].filter((type) => !to.includes(type));
  const [only, ...others] = to;
  const [before, ...more] = from;
  if (only === undefined || others.length > 0 || more.length > 0) {
    return 'Plan changed';
  }
  return before === undefined
    ? `${planName(only)} changed`
    : `${planName(before)} to ${planName(only)}`;
}

function totalOf(entries: readonly Transaction[]): number {
  return addCredits(...entries.map(({ amount }) => amount));
}

/** Why a payment's credits are taken back, by how the reason begins. */
const TAKEN_BACK = [
  ['dispute_', 'Held back by a dispute'],
  ['fraud_warning_', 'Held back by a fraud warning'],
  ['return_', 'Credited back'],
  ['refund_', 'Refunded'],
] as const;

export function titleOf(entry: Transaction, humanize: (name: string) => string): string {
  if (entry.kind === 'reversal' && Number(entry.amount) > 0) {
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
