import { describe, expect, it } from 'vitest';
import type { ZodType } from 'zod';
import { OPERATIONS } from '../../src/contract/index.ts';
import { AMOUNT_FIELDS } from '../../src/credit/index.ts';
import { REQUESTS } from '../../src/ledger/input.ts';
import { readSources } from './sources.ts';

/** What amounts of credits are called, by the library's names and by those of the service alone. */
const NAMES = new Set([
  ...AMOUNT_FIELDS,
  ...['availableAfter', 'burned', 'required', 'threshold'],
  ...['added', 'back', 'laterAdded', 'laterStopped'],
]);

type Definition = {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly element?: ZodType;
  readonly innerType?: ZodType;
  readonly valueType?: ZodType;
  readonly in?: ZodType;
  readonly options?: readonly ZodType[];
};

/** Each number of a schema, with the name of its field. */
function numbersOf(schema: ZodType, name = ''): { name: string; isAmount: boolean }[] {
  const def = schema.def as unknown as Definition;
  if (def.type === 'number') {
    return [{ name, isAmount: schema.meta()?.['format'] === 'credits' }];
  }
  const { element, innerType, valueType, options = [] } = def;
  const inner = [element, innerType, valueType, def.in, ...options].filter(
    (one) => one !== undefined,
  );
  return [
    ...Object.entries(def.shape ?? {}).flatMap(([field, one]) => numbersOf(one, field)),
    ...inner.flatMap((one) => numbersOf(one, name)),
  ];
}

const schemas: [string, ZodType][] = [
  ...OPERATIONS.flatMap(({ method, path, params, query, body, answers }) =>
    [params, query, body, ...Object.values(answers).map(({ schema }) => schema)]
      .filter((schema) => schema !== undefined)
      .map((schema): [string, ZodType] => [`${method} ${path}`, schema]),
  ),
  ...Object.entries(REQUESTS),
];

describe('amounts of credits', () => {
  it('have the schema by which they are converted, wherever a number has the name of one', () => {
    const plain = schemas.flatMap(([place, schema]) =>
      numbersOf(schema)
        .filter(({ name, isAmount }) => NAMES.has(name) && !isAmount)
        .map(({ name }) => `${place}: ${name}`),
    );
    expect(plain).toEqual([]);
  });

  it('have a name that says so, wherever a schema is one', () => {
    const unnamed = schemas.flatMap(([place, schema]) =>
      numbersOf(schema)
        .filter(({ name, isAmount }) => isAmount && !NAMES.has(name))
        .map(({ name }) => `${place}: ${name}`),
    );
    expect(unnamed).toEqual([]);
    expect(schemas.flatMap(([, schema]) => numbersOf(schema)).length).toBeGreaterThan(100);
  });

  it('of the library have the names by which it converts', () => {
    const foreign = Object.values(REQUESTS)
      .flatMap((schema) => numbersOf(schema))
      .filter(({ name, isAmount }) => isAmount && !AMOUNT_FIELDS.has(name));
    expect(foreign).toEqual([]);
  });

  it('are converted by addRoute in every answer: no route makes JSON by itself', () => {
    const makers = readSources({ folder: 'src/http' })
      .filter(({ text }) => /(?<![.\w])json\(|\b(c|Response)\.json\(|Response\(JSON/.test(text))
      .map(({ path }) => path);
    expect(makers).toEqual([
      ...['src/http/app.ts', 'src/http/headers.ts', 'src/http/route.ts'],
      // The OpenAPI document, and a 404: no amounts.
      ...['src/http/routes/documents.ts', 'src/http/routes/health.ts'],
    ]);
  });
});
