import { FlorinError, toPlainJson } from '../kernel/index.ts';
import type { SqlValue } from './database.ts';

/**
 * What the driver is handed: objects as JSON text, made and limited here. The driver turns values into
 * text only after it has told the server to prepare the statement; an error in between would leave
 * the two of different minds. Throws `invalid_input`.
 */
export function toDriverValues(values: readonly SqlValue[]): unknown[] {
  return values.map((value, index) => toDriverValue(value, `$${index + 1}`));
}

function toDriverValue(value: SqlValue, name: string): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) {
    return value;
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) {
      throw new FlorinError('invalid_input', `${name}: must be a date; got an invalid one.`);
    }
    return value;
  }
  return Array.isArray(value)
    ? value.map((item: SqlValue) => toDriverValue(item, name))
    : JSON.stringify(toPlainJson(value, name));
}
