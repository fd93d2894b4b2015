import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Reads the declarations of the `stripe` package, which are generated and therefore regular: what an
 * answer must look like, and which parameters a request may have, is known from the SDK itself.
 */
export type Type =
  | { kind: 'name'; name: string; args: Type[]; scope: Scope }
  | { kind: 'literal'; value: string | boolean }
  | { kind: 'union'; of: Type[] }
  | { kind: 'map'; value: Type };
export type Field = { type: Type; optional: boolean };
export type Interface = { fields: Map<string, Field>; extends: Type[] };

/** What a name means here, and where to look when it means nothing. */
export type Scope = {
  interfaces: Map<string, Interface>;
  aliases: Map<string, Type>;
  spaces: Map<string, Scope>;
  imports: Map<string, { file: string; name: string }>;
  parent: Scope | null;
  methods: Map<string, { params: Type | null; result: Type }>;
};

const ROOT = join(dirname(dirname(createRequire(import.meta.url).resolve('stripe'))), 'esm');

export function newScope(parent: Scope | null): Scope {
  return {
    interfaces: new Map(),
    aliases: new Map(),
    spaces: new Map(),
    imports: new Map(),
    parent,
    methods: new Map(),
  };
}

const files = new Map<string, Scope>();

/** The scope of a declaration file, by its path below `esm`, without `.d.ts`. */
export function scopeOf(file: string): Scope {
  const known = files.get(file);
  if (known !== undefined) {
    return known;
  }
  const scope = newScope(null);
  files.set(file, scope);
  const path = join(ROOT, `${file}.d.ts`);
  if (!existsSync(path)) {
    return scope;
  }
  const text = readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  new Reader(text, scope, file).file();
  return scope;
}

/** The paths of all resources, such as `resources/Checkout/Sessions`. */
export function resourceFiles(folder = 'resources'): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) {
      return resourceFiles(`${folder}/${entry.name}`);
    }
    return entry.name.endsWith('.d.ts') && entry.name !== 'index.d.ts'
      ? [`${folder}/${entry.name.slice(0, -5)}`]
      : [];
  });
}

export function sourceOf(file: string): string {
  return readFileSync(join(ROOT, `${file}.js`), 'utf8');
}

class Reader {
  readonly #tokens: string[];
  #at = 0;
  readonly #file: string;
  readonly #scope: Scope;

  constructor(text: string, scope: Scope, file: string) {
    this.#tokens = text.match(/'(?:[^'\\]|\\.)*'|\.\.\.|=>|[\w$]+|[^\s\w]/g) ?? [];
    this.#scope = scope;
    this.#file = file;
  }

  file(): void {
    while (this.#at < this.#tokens.length) {
      this.#statement(this.#scope);
    }
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? '';
  }

  #take(): string {
    if (this.#at >= this.#tokens.length) {
      throw new Error(`${this.#file}.d.ts is written in a way that this reader does not know.`);
    }
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #maybe(token: string): boolean {
    if (this.#peek() === token) {
      this.#at += 1;
      return true;
    }
    return false;
  }

  #statement(scope: Scope): void {
    const exported = this.#maybe('export');
    this.#maybe('declare');
    const word = this.#peek();
    if (word === 'import' && this.#peek(2) === '=') {
      this.#take();
      const name = this.#take();
      this.#take();
      scope.aliases.set(name, this.#type(scope));
      this.#maybe(';');
    } else if (word === 'import') {
      this.#take();
      this.#names(scope);
    } else if (exported && (word === '{' || word === '*')) {
      this.#names(scope);
    } else if (word === 'interface') {
      this.#interface(scope);
    } else if (word === 'namespace') {
      this.#namespace(scope);
    } else if (word === 'class') {
      this.#class(scope);
    } else if (word === 'type') {
      this.#alias(scope);
    } else {
      this.#skipStatement();
    }
  }

  #skipStatement(): void {
    let depth = 0;
    while (this.#at < this.#tokens.length) {
      const token = this.#take();
      depth += '{(['.includes(token) ? 1 : '})]'.includes(token) ? -1 : 0;
      if (depth === 0 && (token === ';' || token === '}')) {
        this.#maybe(';');
        return;
      }
    }
  }

  /** `{ A, B as C } from './x.js'` or `* as D from './y.js'`, imported or exported. */
  #names(scope: Scope): void {
    const names: [string, string][] = [];
    if (this.#maybe('*')) {
      names.push(['*', this.#maybe('as') ? this.#take() : `* ${this.#at}`]);
    } else if (this.#maybe('{')) {
      while (!this.#maybe('}')) {
        const name = this.#take();
        names.push([name, this.#maybe('as') ? this.#take() : name]);
        this.#maybe(',');
      }
    }
    this.#maybe('from');
    const path = this.#take().slice(1, -1);
    this.#maybe(';');
    const file = join(dirname(this.#file), path).replace(/\.js$/, '');
    for (const [name, local] of names) {
      scope.imports.set(local, { file, name });
    }
  }

  #interface(scope: Scope): void {
    this.#take();
    const name = this.#take();
    const bases: Type[] = [];
    if (this.#maybe('extends')) {
      do {
        bases.push(this.#type(scope));
      } while (this.#maybe(','));
    }
    const before = scope.interfaces.get(name);
    const made = { fields: this.#fields(scope), extends: bases };
    scope.interfaces.set(
      name,
      before === undefined
        ? made
        : { fields: new Map([...before.fields, ...made.fields]), extends: bases },
    );
  }

  #fields(scope: Scope): Map<string, Field> {
    const fields = new Map<string, Field>();
    this.#take();
    while (!this.#maybe('}')) {
      this.#maybe('readonly');
      if (this.#peek() === '[') {
        this.#skipStatement();
        continue;
      }
      const name = this.#take().replaceAll("'", '');
      if (this.#peek() === '(') {
        this.#skipStatement();
        continue;
      }
      const optional = this.#maybe('?');
      this.#take();
      fields.set(name, { optional, type: this.#type(scope) });
      this.#maybe(';');
    }
    return fields;
  }

  #namespace(scope: Scope): void {
    this.#take();
    const name = this.#take();
    const inner = scope.spaces.get(name) ?? newScope(scope);
    scope.spaces.set(name, inner);
    this.#take();
    while (!this.#maybe('}')) {
      this.#statement(inner);
    }
  }

  #alias(scope: Scope): void {
    this.#take();
    const name = this.#take();
    if (this.#peek() === '<') {
      this.#skipStatement();
      return;
    }
    this.#take();
    scope.aliases.set(name, this.#type(scope));
    this.#maybe(';');
  }

  /** A resource's methods: their parameters' type and their result. */
  #class(scope: Scope): void {
    if (!this.#peek(1).endsWith('Resource')) {
      this.#skipStatement();
      return;
    }
    this.#take();
    const name = this.#take();
    while (this.#peek() !== '{') {
      this.#take();
    }
    this.#take();
    while (!this.#maybe('}')) {
      const method = this.#take();
      if (this.#peek() !== '(') {
        this.#skipStatement();
        continue;
      }
      this.#take();
      let params: Type | null = null;
      while (!this.#maybe(')')) {
        const argument = this.#take();
        this.#maybe('?');
        this.#take();
        const type = this.#type(scope);
        params = argument === 'params' ? type : params;
        this.#maybe(',');
      }
      this.#take();
      const result = this.#type(scope);
      this.#maybe(';');
      if (!scope.methods.has(`${name}.${method}`)) {
        scope.methods.set(`${name}.${method}`, { params, result });
      }
    }
  }

  #type(scope: Scope): Type {
    this.#maybe('|');
    const of = [this.#single(scope)];
    while (this.#maybe('|') || this.#maybe('&')) {
      of.push(this.#single(scope));
    }
    return of.length === 1 ? (of[0] as Type) : { kind: 'union', of };
  }

  #single(scope: Scope): Type {
    if (this.#maybe('(')) {
      const inner = this.#type(scope);
      this.#maybe(')');
      return inner;
    }
    if (this.#maybe('{')) {
      return this.#map(scope);
    }
    const token = this.#take();
    if (token.startsWith("'")) {
      return { kind: 'literal', value: token.slice(1, -1) };
    }
    if (token === 'true' || token === 'false') {
      return { kind: 'literal', value: token === 'true' };
    }
    let name = token;
    while (this.#peek() === '.' && this.#peek(1) !== '.') {
      this.#take();
      name += `.${this.#take()}`;
    }
    const args: Type[] = [];
    if (this.#maybe('<')) {
      while (!this.#maybe('>')) {
        args.push(this.#type(scope));
        this.#maybe(',');
      }
    }
    while (this.#peek() === '[') {
      this.#take();
      this.#take();
      return { kind: 'name', name: 'Array', args: [{ kind: 'name', name, args, scope }], scope };
    }
    return { kind: 'name', name, args, scope };
  }

  #map(scope: Scope): Type {
    let value: Type = { kind: 'name', name: 'any', args: [], scope };
    while (!this.#maybe('}')) {
      if (this.#maybe('[')) {
        while (!this.#maybe(']')) {
          this.#take();
        }
        this.#take();
        value = this.#type(scope);
      } else {
        this.#take();
      }
      this.#maybe(';');
    }
    return { kind: 'map', value };
  }
}
