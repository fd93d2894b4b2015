import {
  AmountNotAllowedError,
  FlorinError,
  InsufficientCreditsError,
  InvalidConfigurationError,
  LimitReachedError,
} from '../kernel/index.ts';
import type { Credit } from './credit.ts';

/** A whole number that stands alone: no part of an id, of a decimal or of a time. */
const NUMBER = /(?<![\w.:-])-?\d+(?![\w:-]|\.\d)/g;

/**
 * An error of the inside, in credits for whoever called: amounts in its fields, its details and its
 * message. Anything else that was thrown stays as it is.
 */
export function inCredits(credit: Credit, thrown: unknown): unknown {
  if (credit.decimals === 0 || !(thrown instanceof FlorinError) || settled.has(thrown)) {
    return thrown;
  }
  const shown = convert(credit, thrown);
  settled.add(shown);
  return shown;
}

/** Errors that are in credits, or are not ours to convert. */
const settled = new WeakSet<object>();

/** Leaves an error as it is, whatever edge it passes: the caller's own work threw it. */
export function leaveAsThrown(thrown: unknown): void {
  if (typeof thrown === 'object' && thrown !== null) {
    settled.add(thrown);
  }
}

function convert(credit: Credit, thrown: FlorinError): FlorinError {
  if (thrown instanceof InsufficientCreditsError) {
    const { available, required } = thrown;
    const amounts = { available: credit.show(available), required: credit.show(required) };
    const usual = new InsufficientCreditsError({ available, required }).message;
    const message = thrown.message === usual ? undefined : textOf(credit, thrown.message);
    return new InsufficientCreditsError(amounts, thrown.cause, message);
  }
  if (thrown instanceof LimitReachedError) {
    const { rule, used, limit, resetsAt } = thrown;
    const amounts = { used: credit.show(used), limit: credit.show(limit) };
    const until = resetsAt?.toISOString() ?? null;
    return new LimitReachedError({ rule, ...amounts, resetsAt: until }, thrown.cause);
  }
  const options = { details: rewordDetails(credit, thrown), cause: thrown.cause };
  if (thrown instanceof AmountNotAllowedError) {
    const message = textOf(
      credit,
      thrown.message
        .replaceAll('a whole number of credits', 'credits')
        .replaceAll('a whole number from', 'from'),
    );
    return new AmountNotAllowedError(message, options);
  }
  if (thrown instanceof InvalidConfigurationError) {
    return new InvalidConfigurationError(thrown.faults.map(credit.reword));
  }
  const message = credit.reword(thrown.message);
  return message === thrown.message ? thrown : new FlorinError(thrown.code, message, options);
}

/** A message of the ledger's functions, in which all numbers are amounts and in units. */
function textOf(credit: Credit, message: string): string {
  return message.replaceAll(NUMBER, (units) => credit.text(Number(units)));
}

function rewordDetails(credit: Credit, { details }: FlorinError): FlorinError['details'] {
  const { faults, amount, used } = details;
  return {
    ...details,
    ...(Array.isArray(faults) ? { faults: faults.map((one) => credit.reword(String(one))) } : {}),
    ...(typeof amount === 'number' ? { amount: credit.show(amount) } : {}),
    ...(Number.isSafeInteger(used) ? { used: credit.show(used as number) } : {}),
  };
}
