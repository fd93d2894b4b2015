import { scopeOf, type Type } from './read.ts';
import { fieldsOf, type Meaning, meaningOf } from './resolve.ts';

/**
 * What is wrong with a value, were it of that type: `charge.amount: missing`. Stricter than the
 * compiler: nothing undeclared may be there, and an enum's value is one that is named.
 */
export function faultsOf(value: unknown, type: Type, at: string): string[] {
  switch (type.kind) {
    case 'literal':
      return value === type.value ? [] : [`${at}: ${shown(value)} is not ${shown(type.value)}`];
    case 'map':
      return isObject(value)
        ? Object.entries(value).flatMap(([key, one]) => faultsOf(one, type.value, `${at}[${key}]`))
        : [`${at}: ${shown(value)} is no map`];
    case 'union':
      return faultsOfUnion(value, type.of, at);
    default:
      return faultsOfName(value, type, at);
  }
}

function faultsOfUnion(value: unknown, of: readonly Type[], at: string): string[] {
  const strict = of.some((one) => one.kind === 'literal')
    ? of.filter((one) => one.kind !== 'name' || one.name !== 'OtherString')
    : of;
  const all = strict.map((one) => faultsOf(value, one, at));
  if (all.some((faults) => faults.length === 0)) {
    return [];
  }
  const likely = strict
    .map((one, nth) => ({ one, faults: all[nth] ?? [] }))
    .filter(({ one }) => one.kind === 'name' && isObject(value))
    .sort((a, b) => rank(a.faults) - rank(b.faults));
  return likely[0]?.faults ?? [`${at}: ${shown(value)} is none of what is declared`];
}

/** The alternative that says the same `object` is the one that was meant. */
function rank(faults: readonly string[]): number {
  return faults.length + (faults.some((fault) => / is no /.test(fault)) ? 1000 : 0);
}

type Named = Extract<Type, { kind: 'name' }>;

function faultsOfName(value: unknown, type: Named, at: string): string[] {
  const [argument] = type.args;
  switch (type.name) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'object':
      return typeof value === type.name && value !== null
        ? []
        : [`${at}: ${shown(value)} is no ${type.name}`];
    case 'Decimal':
    case 'OtherString':
      return typeof value === 'string' ? [] : [`${at}: ${shown(value)} is no ${type.name}`];
    case 'null':
      return value === null ? [] : [`${at}: ${shown(value)} is no null`];
    case 'any':
    case 'Partial':
    case 'unknown':
      return [];
    case 'void':
      // As JSON an answer without anything is an empty object.
      return isObject(value) && Object.keys(value).length === 0
        ? []
        : [`${at}: should not be there`];
    case 'Metadata':
      return faultsOf(value, { kind: 'map', value: { ...type, name: 'string' } }, at);
    case 'Promise':
    case 'Response':
      return argument === undefined ? [] : faultsOf(value, argument, at);
    case 'Array':
      return argument === undefined ? [] : faultsOfItems(value, argument, at);
    case 'ApiList':
    case 'ApiListPromise':
      return argument === undefined ? [] : faultsOfList(value, { argument, object: 'list', at });
    case 'V2ListPromise':
      return isObject(value) && argument !== undefined
        ? faultsOfItems(value['data'], argument, `${at}.data`)
        : [`${at}: ${shown(value)} is no page`];
    case 'ApiSearchResultPromise':
      return argument === undefined
        ? []
        : faultsOfList(value, { argument, object: 'search_result', at });
    default:
      return faultsOfMeaning(value, meaningOf(type.name, type.scope), { name: type.name, at });
  }
}

function faultsOfItems(value: unknown, item: Type, at: string): string[] {
  return Array.isArray(value)
    ? value.flatMap((one, nth) => faultsOf(one, item, `${at}[${nth}]`))
    : [`${at}: ${shown(value)} is no array`];
}

function faultsOfList(
  value: unknown,
  { argument, object, at }: { argument: Type; object: string; at: string },
): string[] {
  if (!isObject(value) || value['object'] !== object) {
    return [`${at}: ${shown(value)} is no ${object}`];
  }
  const missing = ['url', 'has_more'].filter((key) => value[key] === undefined);
  return [
    ...missing.map((key) => `${at}.${key}: missing`),
    ...faultsOfItems(value['data'], argument, `${at}.data`),
  ];
}

function faultsOfMeaning(
  value: unknown,
  meaning: Meaning,
  { name, at }: { name: string; at: string },
): string[] {
  if (meaning === null) {
    return [`${at}: nobody declares ${name}`];
  }
  if (meaning.kind === 'type') {
    return faultsOf(value, meaning.of, at);
  }
  if (!isObject(value)) {
    return [`${at}: ${shown(value)} is no ${name}`];
  }
  const fields = fieldsOf(meaning.of, meaning.scope);
  const kind = fields.get('object')?.type;
  if (kind?.kind === 'literal' && kind.value !== value['object']) {
    return [`${at}: ${shown(value['object'])} is no ${name}`];
  }
  const undeclared = Object.keys(value).filter((key) => !fields.has(key));
  return [
    ...undeclared.map((key) => `${at}.${key}: not declared`),
    ...[...fields].flatMap(([key, field]) => {
      if (value[key] === undefined) {
        return field.optional ? [] : [`${at}.${key}: missing`];
      }
      return faultsOf(value[key], field.type, `${at}.${key}`);
    }),
  ];
}

/** What is wrong with an event's object, by the SDK's declaration of that event type. */
export function faultsOfEvent(event: { type: string; data: { object: unknown } }): string[] {
  const scope = scopeOf('resources/Events');
  for (const [name, found] of scope.interfaces) {
    const type = found.fields.get('type')?.type;
    if (type?.kind === 'literal' && type.value === event.type) {
      const data = found.fields.get('data')?.type;
      const meaning = data?.kind === 'name' ? meaningOf(data.name, data.scope) : null;
      const object =
        meaning?.kind === 'interface' ? meaning.of.fields.get('object')?.type : undefined;
      return object === undefined
        ? [`${event.type}: ${name} declares no object`]
        : faultsOf(event.data.object, object, event.type);
    }
  }
  return [`${event.type}: nobody declares this event`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 60) ?? 'undefined';
}
