import { type Field, type Interface, type Scope, scopeOf, type Type } from './read.ts';

export type Meaning =
  | { kind: 'interface'; name: string; of: Interface; scope: Scope }
  | { kind: 'type'; of: Type }
  | null;

/** What a name means where it stands: in its namespace, around it, or in an imported file. */
export function meaningOf(name: string, scope: Scope): Meaning {
  const steps = name.split('.');
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    const found = inScope(steps, at);
    if (found !== null) {
      return found;
    }
  }
  return null;
}

function inScope(steps: readonly string[], scope: Scope): Meaning {
  const [first = '', ...rest] = steps;
  if (rest.length > 0) {
    const space = scope.spaces.get(first);
    const inside = space === undefined ? null : inScope(rest, space);
    if (inside !== null) {
      return inside;
    }
  } else {
    const found = scope.interfaces.get(first);
    if (found !== undefined) {
      return { kind: 'interface', name: first, of: found, scope };
    }
    const alias = scope.aliases.get(first);
    if (alias !== undefined) {
      return { kind: 'type', of: alias };
    }
  }
  const from = scope.imports.get(first);
  if (from !== undefined) {
    const there = scopeOf(from.file);
    const named = from.name === '*' ? null : inScope([from.name, ...rest], there);
    return named ?? (rest.length > 0 ? inScope(rest, there) : null);
  }
  for (const [local, { file }] of scope.imports) {
    const found = local.startsWith('* ') ? inScope(steps, scopeOf(file)) : null;
    if (found !== null) {
      return found;
    }
  }
  return null;
}

/** An interface's fields with those of what it extends. */
export function fieldsOf(found: Interface, scope: Scope): Map<string, Field> {
  const fields = new Map<string, Field>();
  for (const base of found.extends) {
    const meaning = base.kind === 'name' ? meaningOf(base.name, scope) : null;
    if (meaning?.kind === 'interface') {
      for (const [key, field] of fieldsOf(meaning.of, meaning.scope)) {
        fields.set(key, field);
      }
    }
  }
  for (const [key, field] of found.fields) {
    fields.set(key, field);
  }
  return fields;
}
