import fc from 'fast-check';

/** A value that no caller should send. Made anew for each call, and told by `what` when a run fails. */
export type Hostile = { readonly what: string; readonly make: () => unknown };

const fails = (): never => {
  throw new Error('no');
};

function nested(levels: number, hold: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) {
    value = hold(value);
  }
  return value;
}

function circular(): unknown {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}

/** What JSON can say: these go over HTTP and to the library. */
const TEXTS = {
  'an empty text': '',
  NUL: 'a\0b',
  'half a surrogate pair': 'a\ud800',
  'the other half': '\udfffb',
  'control and bidi characters': '\u001b[2J\u0007\u202e\u2066',
  '5,000 characters': 'x'.repeat(5_000),
  '70,000 characters': 'é'.repeat(35_000),
  SQL: "'; drop table credits.accounts; --",
  'a key of ours': 'florin:sweep',
  'the name of a prototype': '__proto__',
  'two dots': '../../..',
  'a template': '{{7*7}}%s%n',
  'a uuid in capitals': '6B3C0A52-7C1E-4F0F-9A55-0D8A5F0E7C11',
  'a uuid in braces': '{6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11}',
  'the year 294277': '294277-01-01T00:00:00Z',
  'no year': '-infinity',
};
const NUMBERS = [
  0,
  -0,
  -1,
  1.5,
  1e-320,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  1e300,
  Number.MAX_VALUE,
];

export const jsonValue: fc.Arbitrary<Hostile> = fc.oneof(
  fc.constantFrom(
    ...Object.entries(TEXTS).map(([what, value]) => ({ what, make: () => value })),
    ...NUMBERS.map((value) => ({ what: String(value), make: () => value })),
    ...[null, true, [], {}, [[]], { length: 1 }, { toString: 1 }].map((value) => ({
      what: JSON.stringify(value),
      make: () => structuredClone(value),
    })),
    { what: '300 objects deep', make: () => nested(300, (a) => ({ a })) },
    { what: '300 arrays deep', make: () => nested(300, (a) => [a]) },
    {
      what: '500 fields',
      make: () => Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, n])),
    },
    { what: 'a hostile key', make: () => ({ 'a\0b': 1, '\ud800': 2, ['__proto__']: 3 }) },
    { what: 'JSON with __proto__', make: () => JSON.parse('{"__proto__":{"amount":1}}') },
  ),
  shown(fc.string({ unit: 'binary', maxLength: 40 })),
  shown(fc.double()),
  shown(fc.jsonValue()),
);

/** What only a call from JavaScript can bring. */
export const anyValue: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 2, arbitrary: jsonValue },
  fc.constantFrom(
    { what: 'undefined', make: () => undefined },
    { what: 'NaN', make: () => Number.NaN },
    { what: 'Infinity', make: () => Number.POSITIVE_INFINITY },
    { what: '1n', make: () => 1n },
    { what: 'a symbol', make: () => Symbol('s') },
    { what: 'a function', make: () => () => undefined },
    { what: 'a class', make: () => class A {} },
    { what: 'an invalid date', make: () => new Date(Number.NaN) },
    { what: 'a date far away', make: () => new Date(8.64e15) },
    { what: 'a Map', make: () => new Map([['a', 1]]) },
    { what: 'a Set', make: () => new Set([1]) },
    { what: 'bytes', make: () => new Uint8Array(8) },
    { what: 'a Buffer', make: () => Buffer.from('x') },
    { what: 'a regular expression', make: () => /x/g },
    { what: 'an error', make: () => new Error('x') },
    { what: 'a promise', make: () => Promise.resolve(1) },
    { what: 'a text in an object', make: () => new String('x') },
    { what: 'a number in an object', make: () => new Number(1) },
    { what: 'an object without prototype', make: () => Object.create(null) },
    { what: 'circular', make: circular },
    {
      what: 'circular array',
      make: () => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      },
    },
    { what: '20,000 deep', make: () => nested(20_000, (a) => ({ a })) },
    { what: '20,000 arrays deep', make: () => nested(20_000, (a) => [a]) },
    { what: '2 MB', make: () => 'x'.repeat(2_000_000) },
    { what: 'a sparse array', make: () => new Array(1_000_000) },
    { what: 'a toJSON that throws', make: () => ({ toJSON: fails }) },
    { what: 'a toJSON that lies', make: () => ({ toJSON: () => circular() }) },
    { what: 'a toPostgres that throws', make: () => ({ toPostgres: fails }) },
    { what: 'a toString that throws', make: () => ({ toString: fails, valueOf: fails }) },
    { what: 'a toPrimitive that throws', make: () => ({ [Symbol.toPrimitive]: fails }) },
    {
      what: 'a getter that throws',
      make: () => Object.defineProperty({}, 'a', { enumerable: true, get: fails }),
    },
    {
      what: 'an accountId that throws',
      make: () => Object.defineProperty({}, 'accountId', { enumerable: true, get: fails }),
    },
    {
      what: 'a then that throws',
      make: () => Object.defineProperty({}, 'then', { enumerable: true, get: fails }),
    },
    {
      what: 'a proxy that throws',
      make: () =>
        new Proxy(
          {},
          {
            get: fails,
            has: fails,
            ownKeys: fails,
            getPrototypeOf: fails,
            getOwnPropertyDescriptor: fails,
          },
        ),
    },
    { what: 'a proxy without end', make: endless },
    {
      what: 'a revoked proxy',
      make: () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    },
    { what: 'a symbol as key', make: () => ({ [Symbol('k')]: 1 }) },
    { what: 'a bigint within', make: () => ({ n: { n: 1n } }) },
    { what: 'a frozen object', make: () => Object.freeze({ a: 1 }) },
  ),
  shown(
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withTypedArray: true,
      withBoxedValues: true,
      withSparseArray: true,
      withObjectString: true,
      maxDepth: 3,
    }),
  ),
);

/** Whatever is read of it is another of its kind. */
function endless(): unknown {
  return new Proxy(
    {},
    {
      get: (_target, name) => (typeof name === 'symbol' ? undefined : endless()),
      ownKeys: () => ['a'],
      getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: endless() }),
    },
  );
}

function shown(values: fc.Arbitrary<unknown>): fc.Arbitrary<Hostile> {
  return values.map((value) => ({ what: fc.stringify(value), make: () => value }));
}

/** Which of a good call's values are replaced, by a number that is taken round its places, and by what. */
export type Change = { readonly place: number; readonly by: Hostile };

export function changes(values: fc.Arbitrary<Hostile>): fc.Arbitrary<readonly Change[]> {
  return fc.array(fc.record({ place: fc.nat(1_000), by: values }), { minLength: 1, maxLength: 3 });
}

/**
 * The arguments with each change made at one of their places: a whole argument, a field, a field of a
 * field, or a field that nobody asked for.
 */
export function spoil(good: readonly unknown[], made: readonly Change[]): readonly unknown[] {
  const places = good.flatMap((each, at) => placesOf(each, [String(at)]));
  return made.reduce((spoilt, { place, by }) => {
    const at = places[place % places.length];
    return at === undefined ? spoilt : (replaceAt(spoilt, at, by.make()) as readonly unknown[]);
  }, good);
}

function placesOf(value: unknown, at: readonly string[]): (readonly string[])[] {
  if (value instanceof Request) {
    // The platform's own, not a caller's. What it says is for the attack on the routes.
    return [];
  }
  if (typeof value !== 'object' || value === null || !isOurs(value)) {
    return [at];
  }
  const inner = Object.entries(value).flatMap(([name, each]) => placesOf(each, [...at, name]));
  return [at, ...inner, ...(Array.isArray(value) ? [] : [[...at, 'unasked']])];
}

/** Made here field by field; what came ready made is replaced as a whole. */
function isOurs(value: object): boolean {
  return [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value));
}

/** As something that came ready made. */
export function readyMade<T extends object>(value: T): T {
  return Object.setPrototypeOf({ ...value }, {});
}

function replaceAt(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) {
    return by;
  }
  if (isList(value)) {
    return Object.assign([...value], { [name]: replaceAt(value[Number(name)], rest, by) });
  }
  return isOpen(value) ? { ...value, [name]: replaceAt(value[name], rest, by) } : value;
}

/** Not one that an earlier change has put there: that may not like to be looked into. */
function isOpen(value: unknown): value is Record<string, unknown> {
  try {
    return (
      typeof value === 'object' &&
      value !== null &&
      Object.getPrototypeOf(value) === Object.prototype &&
      JSON.stringify(value) !== undefined
    );
  } catch {
    return false;
  }
}

function isList(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
