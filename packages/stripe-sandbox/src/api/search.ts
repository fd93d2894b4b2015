import type { World } from '../world.ts';
import { invalid } from './errors.ts';
import type { Params } from './params.ts';
import type { Route } from './route.ts';

/** What Stripe lets people search, and by which fields. */
const SEARCHES = {
  charge: ['amount', 'created', 'currency', 'customer', 'disputed', 'refunded', 'status'],
  customer: ['created', 'email', 'name', 'phone'],
  invoice: ['created', 'currency', 'customer', 'number', 'receipt_number', 'status', 'total'],
  payment_intent: ['amount', 'created', 'currency', 'customer', 'status'],
  price: ['active', 'currency', 'lookup_key', 'product', 'type'],
  product: ['active', 'description', 'name', 'shippable', 'url'],
  subscription: ['canceled_at', 'created', 'status'],
} as const;

type Searched = keyof typeof SEARCHES;
type Clause = {
  negative: boolean;
  key: string | null;
  field: string;
  operator: string;
  value: string;
};

const CLAUSE =
  /^(-?)(?:metadata\[(?:"([^"]+)"|'([^']+)')\]|([\w.]+))\s*(:|~|>=|<=|>|<)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(null|-?\d+(?:\.\d+)?))$/;

/**
 * Stripe's search language: `field:"value"`, `field~"part"`, comparisons, `metadata["key"]:"value"`,
 * `-` for not, joined by AND or by OR. https://docs.stripe.com/search#search-query-language
 */
function readQuery(query: string, fields: readonly string[]): { all: boolean; clauses: Clause[] } {
  const [ands, ors] = [splitBy(query, 'AND'), splitBy(query, 'OR')];
  if (ands.length > 1 && ors.length > 1) {
    throw invalid('You cannot combine AND and OR in a search query.', { param: 'query' });
  }
  const clauses = (ors.length > 1 ? ors : ands).map((text) => readClause(text, fields));
  return { all: ors.length < 2, clauses };
}

/** Without a word between them two clauses are joined by AND too. */
function splitBy(query: string, word: string): string[] {
  const parts = query.match(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+/g) ?? [];
  const joined: string[] = [];
  for (const part of parts) {
    if (part.toUpperCase() === word) {
      joined.push('');
    } else if (joined.length === 0) {
      joined.push(part);
    } else {
      const before = joined.pop() ?? '';
      const continues = before === '' || /^(?:AND|OR)$/i.test(part) || !CLAUSE.test(before);
      if (continues) {
        joined.push(`${before} ${part}`.trim());
      } else if (word === 'AND') {
        joined.push(before, part);
      } else {
        joined.push(`${before} ${part}`);
      }
    }
  }
  return joined;
}

function readClause(text: string, fields: readonly string[]): Clause {
  const match = CLAUSE.exec(text.trim());
  if (match === null) {
    throw invalid(
      'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for metadata or key:"value" to query for other fields.',
      { param: 'query' },
    );
  }
  const key = match[2] ?? match[3] ?? null;
  const field = match[4] ?? '';
  if (key === null && !fields.includes(field)) {
    throw invalid(`Field \`${field}\` is an unsupported search field for this resource.`, {
      param: 'query',
    });
  }
  const value = match[6] ?? match[7] ?? match[8] ?? '';
  return {
    negative: match[1] === '-',
    key,
    field,
    operator: match[5] ?? ':',
    value: value.replaceAll(/\\(.)/g, '$1'),
  };
}

function matches(object: Record<string, unknown>, clause: Clause): boolean {
  const metadata = new Map(Object.entries(object['metadata'] ?? {}));
  const found = clause.key === null ? object[clause.field] : metadata.get(clause.key);
  const has = compare(found, clause);
  return clause.negative ? !has : has;
}

function compare(found: unknown, { operator, value }: Clause): boolean {
  if (value === 'null') {
    return found === null || found === undefined;
  }
  if (found === null || found === undefined) {
    return false;
  }
  const [text, wanted] = [String(found).toLowerCase(), value.toLowerCase()];
  switch (operator) {
    case '~':
      return text.includes(wanted);
    case '>':
      return Number(found) > Number(value);
    case '<':
      return Number(found) < Number(value);
    case '>=':
      return Number(found) >= Number(value);
    case '<=':
      return Number(found) <= Number(value);
    default:
      return text === wanted;
  }
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

function search(world: World, kind: Searched, params: Params): object {
  const { all, clauses } = readQuery(params.need('query'), SEARCHES[kind]);
  const limit = params.integer('limit') ?? DEFAULT_LIMIT;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw invalid(`Invalid limit: must be between 1 and ${MAX_LIMIT}`, {
      param: 'limit',
      code: 'parameter_invalid_integer',
    });
  }
  const start = Number(Buffer.from(params.text('page') ?? '', 'base64url').toString() || 0);
  const found = (world.store.all(kind) as Record<string, unknown>[])
    .filter((object) => object['deleted'] !== true)
    .filter((object) =>
      all
        ? clauses.every((clause) => matches(object, clause))
        : clauses.some((clause) => matches(object, clause)),
    )
    .reverse();
  const more = start + limit < found.length;
  return {
    object: 'search_result',
    data: found.slice(start, start + limit),
    has_more: more,
    next_page: more ? Buffer.from(String(start + limit)).toString('base64url') : null,
    url: `/v1/${kind}s/search`,
  };
}

/** They stand before the routes that take an id. */
export const searchRoutes: readonly Route[] = (Object.keys(SEARCHES) as Searched[]).map(
  (kind): Route => [
    'get',
    `/v1/${kind}s/search`,
    ({ world, params }) => search(world, kind, params),
  ],
);
