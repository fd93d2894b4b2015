import { FlorinError } from './errors.ts';
import { isStorableText, toStorableText } from './text.ts';

export type JsonLimits = {
  /** How deep objects and arrays may be nested; a flat object has depth 1. */
  readonly maxDepth: number;
  /** Bytes of all keys and values together, in UTF-8. */
  readonly maxBytes: number;
};

export type JsonObject = { readonly [key: string]: unknown };

/** What no caller comes near and no database strains at. */
export const JSON_LIMITS: JsonLimits = { maxDepth: 64, maxBytes: 1024 * 1024 };

/**
 * A copy of `value` that JSON and Postgres' jsonb hold exactly: plain objects, arrays, finite numbers,
 * booleans, null, and texts without NUL or half a surrogate pair. As in JSON, an undefined field is left
 * out and `toJSON` is called (dates become ISO texts). Anything else throws `invalid_input`, which says
 * where in `name` it stands: also a circular value, which is deeper than any limit.
 */
export function toPlainJson(value: unknown, name: string, limits = JSON_LIMITS): unknown {
  let bytes = 0;
  const count = (more: number) => {
    bytes += more;
    if (bytes > limits.maxBytes) {
      throw invalid(name, `must be at most ${limits.maxBytes} bytes of JSON`);
    }
  };
  const text = (one: string, where: string) => {
    count(one.length + 2);
    if (!isStorableText(one)) {
      throw invalid(where, 'must be well-formed Unicode without NUL');
    }
    count(Buffer.byteLength(one) - one.length);
    return one;
  };
  const walk = (given: unknown, where: string, depth: number): unknown => {
    const one = hasToJson(given) ? given.toJSON() : given;
    count(4);
    switch (typeof one) {
      case 'string':
        return text(one, where);
      case 'boolean':
        return one;
      case 'number':
        if (!Number.isFinite(one)) {
          throw invalid(where, `must be a finite number; got ${one}`);
        }
        return one;
      case 'object':
        break;
      default:
        throw invalid(where, `must be a JSON value; got a ${typeof one}`);
    }
    if (one === null) {
      return null;
    }
    if (depth === limits.maxDepth) {
      throw invalid(name, `must not be nested deeper than ${limits.maxDepth} levels`);
    }
    if (Array.isArray(one)) {
      return Array.from(one, (item: unknown, index) =>
        item === undefined ? null : walk(item, `${where}.${index}`, depth + 1),
      );
    }
    if (!isPlainObject(one)) {
      throw invalid(where, 'must be a plain object');
    }
    const copy = emptyObject();
    for (const [key, field] of Object.entries(one)) {
      if (field !== undefined) {
        copy[text(key, where)] = walk(field, `${where}.${key}`, depth + 1);
      }
    }
    return copy;
  };
  try {
    return walk(value, name, 0);
  } catch (error) {
    // A getter, a proxy or a toJSON of the caller's threw.
    throw error instanceof FlorinError ? error : invalid(name, 'cannot be read as JSON', error);
  }
}

/** JSON that jsonb holds: the value, its text, and whether anything had to be changed for it. */
export type StorableJson = {
  readonly value: unknown;
  readonly json: string;
  readonly changed: boolean;
};

/** Numbers of more digits than jsonb's numeric may have; a text is matched too, which only costs time. */
const LONG_NUMBER = /[0-9.]{300}|[0-9][eE][+-]?[0-9]{3}/;

/** How a text of JSON writes NUL and half surrogate pairs, and whole pairs, which are looked at closer. */
const ESCAPED_UNSTORABLE = /\\u(?:0000|d[89a-f])/i;

/**
 * The nearest JSON to `text` that jsonb holds, for what is kept whatever is in it: NUL and half surrogate
 * pairs become U+FFFD in keys and values, numbers beyond a double and levels beyond JSON_LIMITS become
 * null. Undefined when it is no JSON.
 */
export function toStorableJson(text: string): StorableJson | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  // Nearly all JSON says nothing that has to be looked for value by value.
  const areTextsStorable = isStorableText(text) && !ESCAPED_UNSTORABLE.test(text);
  if (!LONG_NUMBER.test(text) && isStorable(value, { depth: 0, areTextsStorable })) {
    return { value, json: text, changed: false };
  }
  const storable = nearestStorable(value, 0);
  return { value: storable, json: JSON.stringify(storable), changed: true };
}

/** `value` as JSON that jsonb holds. */
export function stringifyStorable(value: unknown): string {
  const json = JSON.stringify(value);
  return ESCAPED_UNSTORABLE.test(json) ? (toStorableJson(json)?.json ?? json) : json;
}

function isStorable(
  value: unknown,
  { depth, areTextsStorable }: { depth: number; areTextsStorable: boolean },
): boolean {
  if (typeof value === 'string') {
    return areTextsStorable || isStorableText(value);
  }
  if (typeof value !== 'object' || value === null) {
    return true;
  }
  const below = { depth: depth + 1, areTextsStorable };
  return (
    depth < JSON_LIMITS.maxDepth &&
    (areTextsStorable || Object.keys(value).every(isStorableText)) &&
    Object.values(value).every((field) => isStorable(field, below))
  );
}

function nearestStorable(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return toStorableText(value);
  }
  if (typeof value !== 'object' || value === null) {
    return Number.isFinite(value) || typeof value !== 'number' ? value : null;
  }
  if (depth === JSON_LIMITS.maxDepth) {
    return null;
  }
  if (Array.isArray(value)) {
    return value.map((item) => nearestStorable(item, depth + 1));
  }
  const copy = emptyObject();
  for (const [key, field] of Object.entries(value)) {
    copy[toStorableText(key)] = nearestStorable(field, depth + 1);
  }
  return copy;
}

function hasToJson(value: unknown): value is { toJSON(): unknown } {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { toJSON?: unknown }).toJSON === 'function'
  );
}

/** An object that is nothing more than its fields: no array, no date, no instance of a class. */
export function isPlainObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm, such as a test runner's, has another Object.prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Without a prototype, so that a key `__proto__` is a key like any other. */
function emptyObject(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function invalid(where: string, fault: string, cause?: unknown): FlorinError {
  return new FlorinError('invalid_input', `${where}: ${fault}.`, {
    details: { where, fault, faults: [`${where}: ${fault}`] },
    cause,
  });
}
