import type { ZodType } from 'zod';
import { AMOUNT, check, type FlorinError, type Issue, toInvalidInput } from '../kernel/index.ts';
import { type Credit, readAmount, showAmount } from './credit.ts';

type Path = readonly PropertyKey[];
/** What becomes of one amount. */
type Leaf = (amount: unknown, path: Path) => unknown;
/** A copy of a value in which each amount is what `leaf` made of it. */
type Walk = (value: unknown, leaf: Leaf, path: Path) => unknown;

/** As much of zod's definitions as says where amounts are. */
type Definition = {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly element?: ZodType;
  readonly innerType?: ZodType;
  readonly valueType?: ZodType;
  readonly in?: ZodType;
  readonly options?: readonly ZodType[];
};

/**
 * `value` in the shape of `schema`, with the amounts that the schema marks in units. Throws what `toError`
 * makes of the issues, by default `invalid_input`. Without decimals it only checks.
 */
export function checkCredits<S extends ZodType>(
  credit: Credit,
  schema: S,
  value: unknown,
  toError: (issues: readonly Issue[]) => FlorinError = toInvalidInput,
): ReturnType<typeof check<S>> {
  if (credit.decimals === 0) {
    return check(schema, value, toError);
  }
  const reword = (issues: readonly Issue[]) =>
    toError(issues.map((issue) => ({ ...issue, message: credit.reword(issue.message) })));
  const issues: Issue[] = [];
  const inUnits = decode(value);
  if (issues.length > 0) {
    throw toError(issues);
  }
  return check(schema, inUnits, reword);

  function decode(given: unknown): unknown {
    try {
      return walkOf(schema)?.(given, toUnits, []) ?? given;
    } catch {
      // A getter or a proxy of the caller's threw: the check says so.
      return given;
    }
  }

  function toUnits(amount: unknown, path: Path): unknown {
    return readAmount(credit, amount, (message) => {
      issues.push({ path, message });
      return amount;
    });
  }
}

/** `value`, which has the shape of `schema`, with the amounts that the schema marks in credits. */
export function showCredits<T>(credit: Credit, schema: ZodType | undefined, value: T): T {
  const walk = credit.decimals === 0 || schema === undefined ? undefined : walkOf(schema);
  return walk === undefined
    ? value
    : (walk(value, (amount) => showAmount(credit, amount), []) as T);
}

const walks = new WeakMap<ZodType, { readonly walk: Walk | undefined }>();

/** The walk of a schema, made once; undefined where it has no amounts. */
function walkOf(schema: ZodType): Walk | undefined {
  let known = walks.get(schema);
  if (known === undefined) {
    known = { walk: compile(schema) };
    walks.set(schema, known);
  }
  return known.walk;
}

function compile(schema: ZodType): Walk | undefined {
  if (schema.meta()?.['format'] === AMOUNT.format) {
    return (value, leaf, path) => leaf(value, path);
  }
  const { type, shape, element, innerType, valueType, options, ...rest } =
    schema.def as unknown as Definition;
  switch (type) {
    case 'object':
      return ofFields(shape ?? {});
    case 'array':
      return element && ofItems(walkOf(element));
    case 'record':
      return valueType && ofValues(walkOf(valueType));
    case 'union':
      return ofOptions(options ?? []);
    case 'pipe':
      return rest.in && walkOf(rest.in);
    default:
      return innerType && walkOf(innerType);
  }
}

function ofFields(shape: Readonly<Record<string, ZodType>>): Walk | undefined {
  const walks = Object.entries(shape).flatMap(([name, field]) => {
    const walk = walkOf(field);
    return walk === undefined ? [] : [[name, walk] as const];
  });
  return walks.length === 0
    ? undefined
    : (value, leaf, path) => {
        if (!isObject(value)) {
          return value;
        }
        const copy: Record<string, unknown> = { ...value };
        for (const [name, walk] of walks) {
          if (copy[name] !== undefined) {
            copy[name] = walk(copy[name], leaf, [...path, name]);
          }
        }
        return copy;
      };
}

function ofItems(walk: Walk | undefined): Walk | undefined {
  return (
    walk &&
    ((value, leaf, path) =>
      Array.isArray(value)
        ? value.map((item: unknown, index) => walk(item, leaf, [...path, index]))
        : value)
  );
}

function ofValues(walk: Walk | undefined): Walk | undefined {
  return (
    walk &&
    ((value, leaf, path) =>
      isObject(value)
        ? Object.fromEntries(
            Object.entries(value).map(([name, one]) => [name, walk(one, leaf, [...path, name])]),
          )
        : value)
  );
}

/** Objects are told apart by their names: the first that has all that an option cannot be without. */
function ofOptions(options: readonly ZodType[]): Walk | undefined {
  const known = options.map((option) => ({ walk: walkOf(option), needs: requiredBy(option) }));
  return known.every(({ walk }) => walk === undefined)
    ? undefined
    : (value, leaf, path) => {
        const fits = known.find(
          ({ needs }) => needs === undefined || (isObject(value) && needs.every((n) => n in value)),
        );
        return fits?.walk === undefined ? value : fits.walk(value, leaf, path);
      };
}

function requiredBy(option: ZodType): readonly string[] | undefined {
  const { shape } = option.def as unknown as Definition;
  return (
    shape && Object.keys(shape).filter((name) => shape[name]?.safeParse(undefined).success !== true)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
