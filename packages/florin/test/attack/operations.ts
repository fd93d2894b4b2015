import fc from 'fast-check';
import { type Change, changes, jsonValue, spoil } from './hostile.ts';

type Schema = {
  readonly $ref?: string;
  readonly example?: unknown;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
};
type Parameter = { readonly in: string; readonly name: string; readonly schema: Schema };
type Documented = {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
};
export type OpenApi = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

/** The input of a request. */
type Input = {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly header: Readonly<Record<string, unknown>>;
  readonly body: unknown;
};

/** Values that a good request has, by name; `body` is the whole of one that has no schema. */
export type Known = Readonly<Record<string, unknown>>;

/** One operation that the service documents. */
export type Operation = {
  readonly method: string;
  readonly path: string;
  /** The input of a good request: by the schema, where no value is known by its name. */
  readonly good: (known: Known) => Input;
};

/** Every operation of the document that the service makes of its routes: a new one is among them. */
export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      good(known) {
        const given = (where: string) =>
          Object.fromEntries(
            parameters
              .filter((parameter) => parameter.in === where)
              .map(({ name, schema }) => [name, one(name, schema)] as const)
              .filter(([, value]) => value !== undefined),
          );
        const one = (name: string, schema: Schema) =>
          name in known ? known[name] : exampleOf(document, schema, known);
        const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
        const body = schema === undefined ? known['body'] : exampleOf(document, schema, known);
        return { path: given('path'), query: given('query'), header: given('header'), body };
      },
    })),
  );
}

function exampleOf(document: OpenApi, schema: Schema, known: Known): unknown {
  if (schema.$ref !== undefined) {
    const named = document.components.schemas[schema.$ref.split('/').at(-1) ?? ''];
    return named === undefined ? null : exampleOf(document, named, known);
  }
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) {
    return exampleOf(document, first, known);
  }
  if (schema.example !== undefined || schema.enum !== undefined) {
    return schema.example ?? schema.enum?.[0];
  }
  switch ([schema.type].flat()[0]) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, one]) => [
          name,
          name in known ? known[name] : exampleOf(document, one, known),
        ]),
      );
    case 'array':
      return schema.items === undefined ? [] : [exampleOf(document, schema.items, known)];
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    default:
      return 'x';
  }
}

/** A request as it should be. */
export const GOOD_REQUEST: HostileRequest = {
  as: 'server',
  inPath: [],
  inQuery: [],
  inHeader: [],
  inBody: [],
  text: undefined,
  contentType: 'application/json',
};

/** What a hostile client does with an operation. */
export type HostileRequest = {
  readonly as: 'nobody' | 'buyer' | 'operator' | 'server' | 'junk';
  readonly inPath: readonly Change[];
  readonly inQuery: readonly Change[];
  readonly inHeader: readonly Change[];
  readonly inBody: readonly Change[];
  /** The whole body instead. */
  readonly text: string | undefined;
  readonly contentType: string;
};

const TEXTS = [
  '',
  '{',
  'null',
  '[]',
  '"\\ud800"',
  '{"amount":1e400}',
  '{"amount":1,"amount":-1}',
  '{"__proto__":{"amount":1},"constructor":1}',
  `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`,
  '['.repeat(60_000),
  '\ufeff{}',
  '\0',
  `{"amount":${'9'.repeat(400)}}`,
  'x'.repeat(70_000),
];
const CONTENT_TYPES = ['text/plain', 'application/json; charset=utf-7', 'multipart/form-data', 'a'];
const some = (of: fc.Arbitrary<readonly Change[]>) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: of });

export const hostileRequest: fc.Arbitrary<HostileRequest> = fc.record({
  as: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('server', 'operator', 'buyer') },
    { weight: 1, arbitrary: fc.constantFrom('nobody', 'junk') },
  ),
  inPath: some(changes(jsonValue)),
  inQuery: some(changes(jsonValue)),
  inHeader: some(changes(jsonValue)),
  inBody: changes(jsonValue),
  text: fc.option(fc.constantFrom(...TEXTS), { nil: undefined, freq: 3 }),
  contentType: fc.oneof(
    { weight: 9, arbitrary: fc.constant('application/json') },
    { weight: 1, arbitrary: fc.constantFrom(...CONTENT_TYPES) },
  ),
}) as fc.Arbitrary<HostileRequest>;

/** The request as it is sent, all but who asks. */
export function toRequest(
  { method, path, good }: Operation,
  { known, hostile }: { known: Known; hostile: HostileRequest },
) {
  const input = good(known);
  const spoilt = (part: object, made: readonly Change[]) => {
    const [value] = spoil([part], made);
    return Object.entries(typeof value === 'object' && value !== null ? value : part);
  };
  let address = path;
  for (const [name, value] of spoilt(input.path, hostile.inPath)) {
    address = address.replace(`{${name}}`, escaped(value));
  }
  const query = spoilt(input.query, hostile.inQuery).map(
    ([name, value]) => `${escaped(name)}=${escaped(value)}`,
  );
  const headers = spoilt(input.header, hostile.inHeader)
    .map(([name, value]) => [name, forHeader(value)] as const)
    .filter(([name]) => /^[\w-]+$/.test(name));
  const [body] = spoil([input.body], hostile.inBody);
  return {
    address: query.length === 0 ? address : `${address}?${query.join('&')}`,
    method,
    headers: Object.fromEntries(headers),
    body: method === 'GET' ? undefined : (hostile.text ?? JSON.stringify(body) ?? ''),
    contentType: hostile.contentType,
  };
}

export type SentRequest = ReturnType<typeof toRequest>;

function asText(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, 6_000);
}

/** Half a surrogate pair has no UTF-8: it goes as the bytes that careless encoders make of it. */
function escaped(value: unknown): string {
  const parts = asText(value).split(/(\p{Surrogate})/u);
  return parts.map((part, n) => (n % 2 === 0 ? encodeURIComponent(part) : '%ED%A0%80')).join('');
}

/** What an HTTP client lets through; the attack on the service sends the rest by hand. */
function forHeader(value: unknown): string {
  return asText(value).replaceAll(/[^\x20-\x7e\xa0-\xff]/g, '?');
}
