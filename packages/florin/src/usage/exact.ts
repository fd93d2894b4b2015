/** A number that is exact: numerator over denominator, the denominator above 0. */
export type Exact = { readonly n: bigint; readonly d: bigint };

export const ZERO: Exact = { n: 0n, d: 1n };

const DECIMAL = /^(\d{1,40})(?:\.(\d{1,40}))?(?:e([+-]?\d{1,2}))?$/;

/** A decimal of zero or more, as a text or as JSON writes a number; undefined when it is none. */
export function exact(decimal: number | string): Exact | undefined {
  const [, whole, fraction = '', exponent = '0'] = DECIMAL.exec(String(decimal)) ?? [];
  if (whole === undefined) {
    return undefined;
  }
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places > 0
    ? { n: digits, d: 10n ** BigInt(places) }
    : { n: digits * 10n ** BigInt(-places), d: 1n };
}

/** The shortest text of a decimal: no zeros in front of it or behind its point. Undefined when it is none. */
export function decimalText(decimal: number | string): string | undefined {
  const value = exact(decimal);
  if (value === undefined) {
    return undefined;
  }
  const places = String(value.d).length - 1;
  const digits = String(value.n).padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

export function plus(a: Exact, b: Exact): Exact {
  return { n: a.n * b.d + b.n * a.d, d: a.d * b.d };
}

export function minus(a: Exact, b: Exact): Exact {
  return { n: a.n * b.d - b.n * a.d, d: a.d * b.d };
}

export function times(a: Exact, b: Exact): Exact {
  return { n: a.n * b.n, d: a.d * b.d };
}

/** `b` must be above 0. */
export function over(a: Exact, b: Exact): Exact {
  return { n: a.n * b.d, d: a.d * b.n };
}

export function isAbove(a: Exact, b: Exact): boolean {
  return a.n * b.d > b.n * a.d;
}

export function least(a: Exact, b: Exact): Exact {
  return isAbove(a, b) ? b : a;
}

export function most(a: Exact, b: Exact): Exact {
  return isAbove(a, b) ? a : b;
}

/** Of zero or more: the next whole number, or the number itself where it is whole. */
export function roundUp({ n, d }: Exact): bigint {
  return (n + d - 1n) / d;
}
