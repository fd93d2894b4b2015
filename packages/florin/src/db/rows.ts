import pg from 'pg';
import { FlorinError } from '../kernel/index.ts';
import type { Row } from './database.ts';

/** Object ids of Postgres types whose default reading loses something. */
const INT8 = 20;
const NUMERIC = 1700;
const DATE = 1082;
const INT8_ARRAY = 1016;
const NUMERIC_ARRAY = 1231;

type Parser = (text: string) => unknown;

const parseTextArray: Parser = pg.types.getTypeParser(1009 as never, 'text');

const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [INT8, readNumber],
  [NUMERIC, readNumber],
  [DATE, (text) => text],
  [INT8_ARRAY, (text) => readNumbers(parseTextArray(text))],
  [NUMERIC_ARRAY, (text) => readNumbers(parseTextArray(text))],
]);

/** How each column's text becomes a value: bigint and numeric as numbers, dates as ISO text. */
export const rowTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    const parser = format === 'binary' ? undefined : PARSERS.get(oid);
    return parser ?? pg.types.getTypeParser(oid, format as 'text');
  },
};

/** Reads a whole number exactly, or a fraction as closely as a double can; never rounds a count. */
function readNumber(text: string): number {
  const value = Number(text);
  if (!text.includes('.') && Number.isFinite(value) && !Number.isSafeInteger(value)) {
    throw new FlorinError(
      'internal',
      `The number ${text} from the database is beyond 2^53 - 1 and cannot be read exactly.`,
    );
  }
  return value;
}

function readNumbers(values: unknown): unknown {
  if (Array.isArray(values)) {
    return values.map(readNumbers);
  }
  return typeof values === 'string' ? readNumber(values) : values;
}

const camelNames = new Map<string, string>();

/** `account_id` → `accountId`. Remembered by name: a service knows few hundred columns. */
export function toCamelCase(name: string): string {
  const known = camelNames.get(name);
  if (known !== undefined) {
    return known;
  }
  const camel = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  if (camelNames.size < 10_000) {
    camelNames.set(name, camel);
  }
  return camel;
}

/** Turns the driver's rows of arrays into objects with camelCase keys. */
export function toRows<R extends Row>(result: pg.QueryArrayResult): R[] {
  const names = result.fields.map((field) => toCamelCase(field.name));
  return result.rows.map((values) => {
    const row: Row = {};
    for (let index = 0; index < names.length; index += 1) {
      row[names[index] as string] = values[index];
    }
    return row as R;
  });
}
