import { invalid } from './errors.ts';

/** Nested values of `a[b][0][c]=d`; arrays stay objects with the numbers as keys. */
export type FormValue = string | { [key: string]: FormValue };
export type Form = { [key: string]: FormValue };

const MAX_DEPTH = 10;
const MAX_FIELDS = 5_000;

/** Reads Stripe's form encoding of a body or query. Raises a 400 when it contradicts itself. */
export function parseForm(encoded: string): Form {
  const root: Form = Object.create(null);
  let fields = 0;
  for (const [name, value] of new URLSearchParams(encoded)) {
    fields += 1;
    if (fields > MAX_FIELDS) {
      throw invalid('Too many parameters.');
    }
    place(root, pathOf(name), value);
  }
  return root;
}

function pathOf(name: string): string[] {
  const bracket = name.indexOf('[');
  if (bracket <= 0) {
    return [name];
  }
  const inner = [...name.slice(bracket).matchAll(/\[([^[\]]*)\]/g)].map((match) => match[1] ?? '');
  if (inner.length > MAX_DEPTH) {
    throw invalid(`Parameter ${name} is nested too deeply.`);
  }
  return [name.slice(0, bracket), ...inner];
}

function place(root: Form, path: readonly string[], value: string): void {
  let at = root;
  for (const [depth, step] of path.entries()) {
    const key = step === '' ? String(Object.keys(at).length) : step;
    if (depth === path.length - 1) {
      at[key] = value;
      return;
    }
    const next = at[key] ?? Object.create(null);
    if (typeof next === 'string') {
      throw invalid(`Invalid object: ${path.join('.')} is both a value and an object.`, {
        param: path[0] ?? '',
      });
    }
    at[key] = next;
    at = next;
  }
}
