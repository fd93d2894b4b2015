import { invalid, missingParameter } from './errors.ts';
import type { Form, FormValue } from './form.ts';

const MAX_METADATA_KEYS = 50;
const MAX_METADATA_KEY = 40;
const MAX_METADATA_VALUE = 500;

/** Reads the parameters of one request, with Stripe's errors for what is missing or malformed. */
export class Params {
  readonly #values: Form;
  readonly #prefix: string;
  readonly #read: Set<string>;

  /** `read`: the names that were asked for, by whoever has a part of the same request. */
  constructor(values: Form, prefix = '', read = new Set<string>()) {
    this.#values = values;
    this.#prefix = prefix;
    this.#read = read;
  }

  /** The names of what was said and never asked for: nothing came of it. */
  ignored(): string[] {
    const among = (value: FormValue, name: string): string[] =>
      this.#read.has(name)
        ? []
        : typeof value === 'string'
          ? [name]
          : Object.entries(value).flatMap(([key, inside]) => among(inside, `${name}[${key}]`));
    return Object.entries(this.#values).flatMap(([key, value]) => among(value, this.name(key)));
  }

  #take(key: string): FormValue | undefined {
    this.#read.add(this.name(key));
    return this.#values[key];
  }

  name(key: string): string {
    return this.#prefix === '' ? key : `${this.#prefix}[${key}]`;
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined;
  }

  /** As it was written: text, an object, or undefined. */
  raw(key: string): FormValue | undefined {
    return this.#take(key);
  }

  /** An empty string unsets, as at Stripe. */
  unsets(key: string): boolean {
    return this.#values[key] === '' && this.#take(key) === '';
  }

  text(key: string): string | undefined {
    const value = this.#take(key);
    if (value === undefined || value === '') {
      return undefined;
    }
    if (typeof value !== 'string') {
      throw invalid(`Invalid string: ${this.name(key)}`, { param: this.name(key) });
    }
    return value;
  }

  need(key: string): string {
    const value = this.text(key);
    if (value === undefined) {
      throw missingParameter(this.name(key));
    }
    return value;
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.text(key);
    if (value !== undefined && !(allowed as readonly string[]).includes(value)) {
      throw invalid(`Invalid ${this.name(key)}: must be one of ${allowed.join(', ')}`, {
        param: this.name(key),
      });
    }
    return value as T | undefined;
  }

  integer(key: string): number | undefined {
    const value = this.text(key);
    if (value === undefined) {
      return undefined;
    }
    if (!/^-?\d{1,15}$/.test(value)) {
      throw invalid(`Invalid integer: ${value}`, {
        param: this.name(key),
        code: 'parameter_invalid_integer',
      });
    }
    return Number(value);
  }

  decimal(key: string): number | undefined {
    const value = this.text(key);
    if (value !== undefined && !/^-?\d{1,15}(\.\d{1,12})?$/.test(value)) {
      throw invalid(`Invalid decimal: ${value}`, { param: this.name(key) });
    }
    return value === undefined ? undefined : Number(value);
  }

  flag(key: string): boolean | undefined {
    const value = this.text(key);
    if (value === undefined) {
      return undefined;
    }
    if (value !== 'true' && value !== 'false') {
      throw invalid(`Invalid boolean: ${value}`, { param: this.name(key) });
    }
    return value === 'true';
  }

  object(key: string): Params | undefined {
    const value = this.#values[key];
    if (value === undefined || value === '') {
      this.#read.add(this.name(key));
      return undefined;
    }
    if (typeof value === 'string') {
      throw invalid('Invalid object', { param: this.name(key) });
    }
    return new Params(value, this.name(key), this.#read);
  }

  objects(key: string): Params[] {
    return this.#items(key).map(([index, value]) => {
      if (typeof value === 'string') {
        throw invalid('Invalid object', { param: `${this.name(key)}[${index}]` });
      }
      return new Params(value, `${this.name(key)}[${index}]`, this.#read);
    });
  }

  texts(key: string): string[] {
    const value = this.#take(key);
    if (typeof value === 'string') {
      return value === '' ? [] : [value];
    }
    return this.#items(key).map(([, item]) => (typeof item === 'string' ? item : ''));
  }

  /** Metadata merged into what is there: an empty value removes its key, an empty map all. */
  metadata(current: Record<string, string> = {}, key = 'metadata'): Record<string, string> {
    const given = this.#take(key);
    if (given === undefined) {
      return { ...current };
    }
    if (typeof given === 'string') {
      return {};
    }
    // A map: of an object, `__proto__` would be no key like any other.
    const merged = new Map(Object.entries(current));
    for (const [name, value] of Object.entries(given)) {
      if (typeof value !== 'string' || value.length > MAX_METADATA_VALUE) {
        throw invalid(
          `Metadata values can have up to ${MAX_METADATA_VALUE} characters, and must be strings.`,
          { param: `${this.name(key)}[${name}]` },
        );
      }
      if (name.length > MAX_METADATA_KEY) {
        throw invalid(`Metadata keys can have up to ${MAX_METADATA_KEY} characters.`, {
          param: this.name(key),
        });
      }
      if (value === '') {
        merged.delete(name);
      } else {
        merged.set(name, value);
      }
    }
    if (merged.size > MAX_METADATA_KEYS) {
      throw invalid(`Metadata can have up to ${MAX_METADATA_KEYS} keys.`, {
        param: this.name(key),
      });
    }
    return Object.fromEntries(merged);
  }

  /** The parameters again as a query, with `more` over them. */
  query(more: Readonly<Record<string, string>>): string {
    const pairs = (name: string, value: FormValue): [string, string][] =>
      typeof value === 'string'
        ? [[name, value]]
        : Object.entries(value).flatMap(([key, inside]) => pairs(`${name}[${key}]`, inside));
    const all = Object.entries({ ...this.#values, ...more });
    return new URLSearchParams(all.flatMap(([name, value]) => pairs(name, value))).toString();
  }

  /** A point in time: seconds since 1970, or `now`. */
  moment(key: string, now: number): number | undefined {
    return this.text(key) === 'now' ? now : this.integer(key);
  }

  #items(key: string): [string, FormValue][] {
    const value = this.#values[key];
    if (value === undefined || value === '') {
      return [];
    }
    if (typeof value === 'string') {
      throw invalid('Invalid array', { param: this.name(key) });
    }
    return Object.entries(value).sort(([a], [b]) => Number(a) - Number(b));
  }
}
