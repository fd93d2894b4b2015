import { type Credits, MAX_CREDITS } from '../kernel/index.ts';

/**
 * How many decimals credits have, and the one place that converts. Inside amounts are whole numbers of
 * the smallest unit (of 0.01 credits with two decimals); outside they are credits.
 */
export type Credit = {
  readonly decimals: number;
  /** Smallest units of one credit. */
  readonly unitsPerCredit: number;
  /** Credits as they came from outside, in units; or what is wrong with them. */
  read(given: number | string): number | { readonly fault: string };
  /** Units as credits: a number where they are whole, else the shortest decimal text. */
  show(units: number): Credits;
  /** The same for a sentence. */
  text(units: number): string;
  /** A message that names amounts as a schema does, in units, for people. */
  reword(message: string): string;
};

export const MAX_CREDIT_DECIMALS = 6;

/** No sign but a minus, no exponent, no spaces, ASCII digits; one 0 at most before the point. */
const DECIMAL = /^(-?)(0|[1-9][0-9]{0,15})(?:\.([0-9]+))?$/;
/** Each decimal of so many digits is another double, and comes out of JSON as it went in. */
const EXACT_DIGITS = 15;
const WHOLE = /a whole number of credits from (-?\d+) to (\d+)/g;

/** Throws RangeError for decimals that are not a whole number from 0 to 6. */
export function createCredit(decimals: number): Credit {
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > MAX_CREDIT_DECIMALS) {
    throw new RangeError(`Credits have 0 to ${MAX_CREDIT_DECIMALS} decimals, not ${decimals}.`);
  }
  const unitsPerCredit = 10 ** decimals;
  const one = decimals === 1 ? 'decimal' : 'decimals';
  const faults = {
    form: { fault: 'must be credits: a number, or a decimal as text such as "0.5"' },
    decimals: { fault: `must have at most ${decimals} ${one}` },
    range: { fault: `must be from ${text(-MAX_CREDITS)} to ${text(MAX_CREDITS)} credits` },
    digits: { fault: 'has more digits than a JSON number keeps: pass it as text' },
  };

  function text(units: number): string {
    const digits = String(Math.abs(units)).padStart(decimals + 1, '0');
    const at = digits.length - decimals;
    const fraction = digits.slice(at).replace(/0+$/, '');
    const whole = `${units < 0 ? '-' : ''}${digits.slice(0, at)}`;
    return fraction === '' ? whole : `${whole}.${fraction}`;
  }

  return {
    decimals,
    unitsPerCredit,
    text,
    show(units) {
      const shown = units % unitsPerCredit === 0 ? units / unitsPerCredit + 0 : text(units);
      return shown as Credits;
    },
    read(given) {
      const written = String(given);
      if (typeof given === 'number' && written.includes('e')) {
        return written.includes('e-') ? faults.decimals : faults.range;
      }
      const [, sign, whole, fraction = ''] = DECIMAL.exec(written) ?? [];
      if (whole === undefined) {
        return faults.form;
      }
      if (fraction.length > decimals) {
        return faults.decimals;
      }
      const digits = whole + fraction.padEnd(decimals, '0');
      if (typeof given === 'number' && fraction !== '' && isTooLong(digits)) {
        return faults.digits;
      }
      const units = BigInt(digits);
      return units > MAX_CREDITS ? faults.range : Number(sign === '-' ? -units : units);
    },
    reword(message) {
      return decimals === 0
        ? message
        : message.replace(
            WHOLE,
            (_, least, most) => `credits from ${text(Number(least))} to ${text(Number(most))}`,
          );
    },
  };
}

/**
 * An amount that a caller passed, in units. What is neither a number nor a text stays, for a check to refuse; for
 * one that cannot be read it returns what `refuse` does.
 */
export function readAmount(
  credit: Credit,
  given: unknown,
  refuse: (fault: string) => unknown,
): unknown {
  if (typeof given !== 'number' && typeof given !== 'string') {
    return given;
  }
  const read = credit.read(given);
  return typeof read === 'number' ? read : refuse(read.fault);
}

/** An amount that is answered, in credits; what is no number stays. */
export function showAmount(credit: Credit, units: unknown): unknown {
  return typeof units === 'number' ? credit.show(units) : units;
}

function isTooLong(digits: string): boolean {
  return digits.replace(/^0+/, '').length > EXACT_DIGITS;
}

/** Credits that are whole: the smallest unit is one credit, and nothing is converted. */
export const WHOLE_CREDITS = createCredit(0);
