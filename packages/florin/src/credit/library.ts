import { type Credits, FlorinError, toInvalidInput } from '../kernel/index.ts';
import { type Credit, readAmount, showAmount } from './credit.ts';
import { inCredits, leaveAsThrown } from './errors.ts';

/** The fields of the library's requests and answers that are amounts of credits, wherever they stand first. */
export const AMOUNT_FIELDS: ReadonlySet<string> = new Set([
  ...['amount', 'credits', 'posted', 'postedAfter', 'held', 'available'],
  ...['used', 'spent', 'granted', 'reserved', 'captured', 'uncovered', 'remaining', 'contributes'],
  ...['expired', 'voided', 'reversed', 'moved', 'restored', 'chargedBefore'],
]);

/** Lists within an answer that hold amounts too. */
const LISTS: ReadonlySet<string> = new Set(['members', 'limits']);

type Call = (...given: never[]) => unknown;

/**
 * The library's functions for callers who speak credits with decimals: amounts that they pass are read
 * into units, amounts that are answered or thrown come in credits. Free fields such as metadata, and a
 * charge's rate and quantity, stay as they are. Throws `invalid_input` for what is no amount.
 */
export function withCredits<F extends object>(credit: Credit, functions: F): F {
  if (credit.decimals === 0) {
    return functions;
  }
  const wrapped = Object.entries(functions as Record<string, Call | object>).map(([name, one]) => [
    name,
    typeof one === 'function' ? wrap(credit, one as Call) : withCredits(credit, one),
  ]);
  return Object.fromEntries(wrapped);
}

function wrap(credit: Credit, call: Call) {
  return async (...given: unknown[]) => {
    try {
      const taken = given.map((one) => readEach(credit, one)) as never[];
      return showEach(credit, await call(...taken));
    } catch (error) {
      throw inCredits(credit, error);
    }
  };
}

function readEach(credit: Credit, given: unknown): unknown {
  if (typeof given === 'function') {
    return aroundWork(credit, given as Work);
  }
  return readAmounts(credit, given);
}

function readAmounts(credit: Credit, given: unknown): unknown {
  try {
    return mapAmounts(given, AMOUNT_FIELDS, (amount, name) => readField(credit, amount, name));
  } catch (error) {
    if (error instanceof FlorinError) {
      throw error;
    }
    // A getter or a proxy of the caller's threw: what was not read is not taken for units.
    throw toInvalidInput([{ path: [], message: 'cannot be read' }]);
  }
}

function showEach(credit: Credit, answer: unknown): unknown {
  return showFields(credit, AMOUNT_FIELDS, answer);
}

/** A copy of an object, or of each in a list, in which the numbers of these names are in credits. */
export function showFields<T>(credit: Credit, names: ReadonlySet<string>, value: T): T {
  const show = (amount: unknown) => showAmount(credit, amount);
  return credit.decimals === 0 ? value : (mapAmounts(value, names, show) as T);
}

function readField(credit: Credit, amount: unknown, name: string): unknown {
  return readAmount(credit, amount, (message) => {
    throw toInvalidInput([{ path: [name], message }]);
  });
}

type Hold = { capture(used: Credits): Promise<void> };
type Work = (hold: object) => Promise<unknown>;

/** The work of `withHold`: what it is given and what it hands back are in credits, its errors its own. */
function aroundWork(credit: Credit, work: Work): Work {
  return async (hold) => {
    const capture = (used: Credits) =>
      (hold as Hold).capture(readField(credit, used, 'used') as Credits);
    let done: unknown;
    try {
      done = await work({ ...(showEach(credit, hold) as object), capture });
    } catch (error) {
      leaveAsThrown(error);
      throw error;
    }
    return readAmounts(credit, done);
  };
}

/** A copy with other amounts, of one object or a list; anything else as it is. */
function mapAmounts(
  value: unknown,
  names: ReadonlySet<string>,
  change: (amount: unknown, name: string) => unknown,
): unknown {
  if (Array.isArray(value)) {
    return value.map((one) => mapAmounts(one, names, change));
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const inner = LISTS.has(name) ? mapAmounts(one, names, change) : one;
      return [name, names.has(name) ? change(one, name) : inner];
    }),
  );
}
