import { operationOf } from './operations.ts';
import type { Type } from './read.ts';
import { fieldsOf, meaningOf } from './resolve.ts';

/** See `src/api/parameters.ts`, which is written by this. */
type Node = string | Node[] | { [key: string]: Node };

/** What the SDK lets a request to each of these routes say. */
export function parametersOf(routes: readonly (readonly [method: string, path: string])[]): string {
  const table: { [route: string]: Node } = {};
  for (const [method, path] of routes) {
    const steps = path.replaceAll(/:\w+/g, '*');
    // A page of v2 is asked for by its address, which says more than the SDK declares.
    const checked = path.startsWith('/v1/') || (path.startsWith('/v2/') && method === 'post');
    const operation = checked && operationOf(method.toUpperCase(), steps);
    if (operation && operation.path === steps) {
      table[`${method} ${path}`] =
        operation.params === null ? {} : (nodeOf(operation.params, 0) ?? {});
    }
  }
  return JSON.stringify(table);
}

const DEEPEST = 12;

/** Undefined: anything may stand here. */
function nodeOf(type: Type, depth: number): Node | undefined {
  const parts = flatten(type);
  const empty = parts.some((one) => isNull(one) || (one.kind === 'literal' && one.value === ''));
  const scalars = new Set<string>();
  const words: string[] = [];
  let inside: Node | undefined;
  for (const part of parts) {
    if (part.kind === 'literal') {
      if (part.value !== '') {
        words.push(String(part.value));
      }
    } else if (part.kind === 'map') {
      inside = { '*': nodeOf(part.value, depth + 1) ?? 's' };
    } else if (part.kind === 'name') {
      const scalar = SCALARS[part.name];
      if (scalar !== undefined) {
        scalars.add(scalar);
      } else if (part.name !== 'null' && part.name !== 'OtherString') {
        inside = structured(part, depth) ?? inside;
      }
    }
  }
  const scalar = `${empty ? '?' : ''}${[...scalars].join('')}${words.length > 0 ? `=${words.join('|')}` : ''}`;
  if (inside === undefined) {
    return scalar === '' ? undefined : scalar;
  }
  if (scalar === '') {
    return inside;
  }
  return Array.isArray(inside) ? [...inside, scalar] : { ...(inside as object), '|': scalar };
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 's',
  number: 'n',
  Decimal: 'd',
  boolean: 'b',
};

function structured(type: Extract<Type, { kind: 'name' }>, depth: number): Node | undefined {
  if (depth > DEEPEST) {
    return undefined;
  }
  const [argument] = type.args;
  if (type.name === 'Array' && argument !== undefined) {
    return [nodeOf(argument, depth + 1) ?? 's'];
  }
  if (type.name === 'MetadataParam') {
    return { '*': 's' };
  }
  const meaning = meaningOf(type.name, type.scope);
  if (meaning?.kind !== 'interface') {
    return undefined;
  }
  const node: { [key: string]: Node } = {};
  for (const [key, field] of fieldsOf(meaning.of, meaning.scope)) {
    node[field.optional ? key : `${key}!`] = nodeOf(field.type, depth + 1) ?? '*';
  }
  return node;
}

function isNull(type: Type): boolean {
  return type.kind === 'name' && type.name === 'null';
}

/** A union's parts, with aliases and `Emptyable` opened. */
function flatten(type: Type): Type[] {
  if (type.kind === 'union') {
    return type.of.flatMap(flatten);
  }
  if (type.kind !== 'name') {
    return [type];
  }
  const [argument] = type.args;
  if (type.name === 'Emptyable' && argument !== undefined) {
    return [{ kind: 'literal', value: '' }, ...flatten(argument)];
  }
  if (SCALARS[type.name] !== undefined || type.name === 'Array' || type.name === 'OtherString') {
    return [type];
  }
  const meaning = meaningOf(type.name, type.scope);
  return meaning?.kind === 'type' ? flatten(meaning.of) : [type];
}
