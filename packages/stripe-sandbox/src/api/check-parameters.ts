import { ApiError, invalid, missingParameter } from './errors.ts';
import type { Form, FormValue } from './form.ts';
import { refuseUnknownCurrency } from './money.ts';
import { PARAMETERS } from './parameters.ts';

/**
 * What a parameter may be. Text: `s` a string, `n` a number, `d` a decimal, `b` a boolean, then `=` and
 * the words that are allowed; `?` before all: it may be unset by an empty value; `*` anything. A list:
 * its items are like its first element. An object: its fields, with `!` where they must be said; `*`
 * is any name, `|` what may stand there instead of the object.
 */
type Node = string | Node[] | { readonly [key: string]: Node };

let table: Readonly<Record<string, Node>> | undefined;

/** Names of older API versions, where the newest does not know them. */
const OLDER_NAMES: ReadonlySet<string> = new Set([
  'billing',
  'coupon',
  'iterations',
  'plan',
  'plans',
  'price',
  'promotion_code',
  'prorate',
  'source',
  'subscription_trial_end',
  'tax_percent',
  'trial_from_plan',
  'unit_amount',
]);

/** Names that the official CLI sends whatever the version: the newest has another for them. */
const ALWAYS_TAKEN: ReadonlySet<string> = new Set(['expand', 'payment_method_types']);

type Check = {
  faults: string[];
  nearest: string | undefined;
  strict: boolean;
  olderNames: boolean;
  writes: boolean;
};

/**
 * Refuses what Stripe refuses before it looks at anything: names that it does not know, with the
 * nearest one that it does, and values of the wrong kind. Of an older version only names are checked.
 * A caller that names no version, such as the official CLI, may use older names too.
 */
export function checkParameters(
  route: string,
  form: Form,
  { strict, olderNames }: { strict: boolean; olderNames: boolean },
): void {
  table ??= JSON.parse(PARAMETERS) as Record<string, Node>;
  const node = table[route];
  if (node === undefined || typeof node === 'string') {
    return;
  }
  const check: Check = {
    faults: [],
    nearest: undefined,
    strict,
    olderNames,
    writes: route.startsWith('post'),
  };
  checkObject(form, node as { readonly [key: string]: Node }, '', check);
  const [first] = check.faults;
  if (first !== undefined) {
    const names = check.faults.join(', ');
    const hint = check.nearest === undefined ? '' : `. Did you mean ${check.nearest}?`;
    throw new ApiError(400, {
      type: 'invalid_request_error',
      code: 'parameter_unknown',
      message: `Received unknown parameter${check.faults.length > 1 ? 's' : ''}: ${names}${hint}`,
      param: first,
    });
  }
}

/** What is said by its older name is not said by the newer one as well. */
function usesOlder(form: Form, node: { readonly [key: string]: Node }): boolean {
  return Object.keys(form).some((key) => OLDER_NAMES.has(key) && node[key] === undefined);
}

function checkObject(
  form: Form,
  node: { readonly [key: string]: Node },
  prefix: string,
  check: Check,
): void {
  const named = (key: string) => (prefix === '' ? key : `${prefix}[${key}]`);
  for (const [key, value] of Object.entries(form)) {
    const inside = ownOf(node, key) ?? ownOf(node, `${key}!`) ?? node['*'];
    if (inside !== undefined) {
      checkMeaning(key, value, named(key), check);
      checkValue(value, inside, named(key), check);
    } else if (!ALWAYS_TAKEN.has(key) && !(check.olderNames && OLDER_NAMES.has(key))) {
      check.faults.push(named(key));
      check.nearest ??= nearestOf(key, Object.keys(node));
    }
  }
  const missing = Object.keys(node).find(
    (key) => key.endsWith('!') && form[key.slice(0, -1)] === undefined,
  );
  if (
    missing !== undefined &&
    check.strict &&
    !usesOlder(form, node) &&
    check.faults.length === 0
  ) {
    throw missingParameter(named(missing.slice(0, -1)));
  }
}

/** Words such as `constructor` are keys like any other. */
function ownOf(node: { readonly [key: string]: Node }, key: string): Node | undefined {
  return Object.hasOwn(node, key) ? node[key] : undefined;
}

const EMAILS: ReadonlySet<string> = new Set(['email', 'customer_email', 'receipt_email']);

/** What a value means is told by its name. */
function checkMeaning(key: string, value: FormValue, name: string, check: Check): void {
  if (typeof value !== 'string' || value === '' || !check.writes) {
    return;
  }
  if (key === 'currency') {
    refuseUnknownCurrency(value, name);
  }
  if (EMAILS.has(key) && !/^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(value)) {
    throw invalid(`Invalid email address: ${value}`, { param: name, code: 'email_invalid' });
  }
}

function checkValue(value: FormValue, node: Node, name: string, check: Check): void {
  if (typeof node === 'string') {
    if (typeof value === 'string') {
      checkText(value, node, name, check);
    } else if (check.strict && node !== '*') {
      throw invalid(`Invalid string: ${JSON.stringify(value)}`, { param: name });
    }
    return;
  }
  const scalar = Array.isArray(node) ? node[1] : node['|'];
  if (typeof value === 'string') {
    if (typeof scalar === 'string' && scalar !== '?') {
      checkText(value, scalar, name, check);
    } else if (check.strict && value !== '') {
      throw invalid(Array.isArray(node) ? 'Invalid array' : 'Invalid object', { param: name });
    }
    return;
  }
  if (Array.isArray(node)) {
    for (const [index, item] of Object.entries(value)) {
      checkValue(item, node[0] ?? '*', `${name}[${index}]`, check);
    }
    return;
  }
  checkObject(value, node as { readonly [key: string]: Node }, name, check);
}

function checkText(value: string, node: string, name: string, check: Check): void {
  if (!check.strict || node === '*' || value === '') {
    return;
  }
  const [kinds = '', words = ''] = node.replace('?', '').split('=');
  const allowed = words === '' ? [] : words.split('|');
  if (kinds.includes('s') || allowed.includes(value)) {
    return;
  }
  if (kinds.includes('n') || kinds.includes('d')) {
    if (!/^-?\d+(\.\d+)?$/.test(value)) {
      throw invalid(`Invalid integer: ${value}`, {
        param: name,
        code: 'parameter_invalid_integer',
      });
    }
  } else if (kinds.includes('b')) {
    if (value !== 'true' && value !== 'false') {
      throw invalid(`Invalid boolean: ${value}`, { param: name });
    }
  } else {
    throw invalid(`Invalid ${name}: must be one of ${listed(allowed)}`, { param: name });
  }
}

function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')}, or ${last}`;
}

/** The known name that the fewest changes of letters lead to; none when it takes too many. */
function nearestOf(written: string, known: readonly string[]): string | undefined {
  const names = known.map((name) => name.replace('!', '')).filter((name) => /^\w+$/.test(name));
  const ranked = names
    .map((name) => ({ name, changes: changesBetween(written, name) }))
    .sort((a, b) => a.changes - b.changes);
  const [best] = ranked;
  return best !== undefined && best.changes <= Math.max(2, written.length / 3)
    ? best.name
    : undefined;
}

/** How many letters must be added, taken away or replaced (Levenshtein). */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
