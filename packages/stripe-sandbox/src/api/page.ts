import type { WireList } from '../shapes.ts';
import { invalid, noSuch } from './errors.ts';
import type { Params } from './params.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

/** One page of `items`, which are given newest first, as `limit`, `starting_after` and `ending_before` ask. */
export function page<T extends { id: string }>(
  items: readonly T[],
  params: Params,
  url: string,
): WireList<T> {
  const limit = params.integer('limit') ?? DEFAULT_LIMIT;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw invalid(`Invalid limit: must be between 1 and ${MAX_LIMIT}`, {
      param: 'limit',
      code: limit < 1 ? 'parameter_invalid_integer' : 'parameter_invalid_integer',
    });
  }
  const after = params.text('starting_after');
  const before = params.text('ending_before');
  if (after !== undefined && before !== undefined) {
    throw invalid('You cannot use both starting_after and ending_before.');
  }
  if (before !== undefined) {
    const end = positionOf(items, before, 'ending_before');
    const start = Math.max(0, end - limit);
    return { object: 'list', data: items.slice(start, end), has_more: start > 0, url };
  }
  const start = after === undefined ? 0 : positionOf(items, after, 'starting_after') + 1;
  const data = items.slice(start, start + limit);
  return { object: 'list', data, has_more: start + limit < items.length, url };
}

function positionOf(items: readonly { id: string }[], id: string, param: string): number {
  const position = items.findIndex((item) => item.id === id);
  if (position === -1) {
    throw noSuch('object', id, param);
  }
  return position;
}

/** Whether a `created` (or similar) moment passes the filter: a number, or gt, gte, lt, lte. */
export function momentFilter(params: Params, key: string): (moment: number) => boolean {
  if (!params.has(key)) {
    return () => true;
  }
  const range = isNested(params, key) ? params.object(key) : undefined;
  if (range === undefined) {
    const exact = params.integer(key);
    return (moment) => moment === exact;
  }
  const bounds = {
    gt: range.integer('gt') ?? Number.NEGATIVE_INFINITY,
    gte: range.integer('gte') ?? Number.NEGATIVE_INFINITY,
    lt: range.integer('lt') ?? Number.POSITIVE_INFINITY,
    lte: range.integer('lte') ?? Number.POSITIVE_INFINITY,
  };
  return (moment) =>
    moment > bounds.gt && moment >= bounds.gte && moment < bounds.lt && moment <= bounds.lte;
}

function isNested(params: Params, key: string): boolean {
  try {
    return params.object(key) !== undefined;
  } catch {
    return false;
  }
}

/** Keeps what equals each of the given parameters, where they were given. */
export function filtered<T extends Record<string, unknown>>(
  items: readonly T[],
  params: Params,
  fields: readonly string[],
): T[] {
  const wanted = fields.flatMap((field) => {
    const value = params.text(field);
    return value === undefined ? [] : [[field, value] as const];
  });
  return items.filter((item) => wanted.every(([field, value]) => String(item[field]) === value));
}
