import { type Change, openJournal } from './journal.ts';
import type { Kind, Records } from './records.ts';

/**
 * Everything the sandbox knows, in memory, with one line in a journal per committed change. One
 * request is one synchronous `commit`: all of it is kept, or nothing.
 */
export type Store = {
  get<K extends Kind>(kind: K, id: string): Records[K] | undefined;
  /** All of a kind, oldest first. */
  all<K extends Kind>(kind: K): Records[K][];
  /** Those whose top-level field has this value, oldest first; indexed after the first call. */
  where<K extends Kind>(kind: K, field: keyof Records[K] & string, value: unknown): Records[K][];
  /** Adds or replaces. Objects are never changed in place. */
  put<K extends Kind>(kind: K, object: Records[K]): Records[K];
  remove(kind: Kind, id: string): void;
  /** Runs `work`; when it throws, what it wrote is undone, unless the error says `keep: true`. */
  commit<T>(work: () => T): T;
  /** Runs `work`, undoes all that it wrote, and answers what it returned: what would be, without it being so. */
  tryOut<T>(work: () => T): T;
  /** Called after each commit that wrote something. */
  onCommit(listener: () => void): void;
  close(): void;
};

type Table = Map<string, { id: string }>;
type Index = Map<unknown, Set<string>>;

export type StoreOptions = {
  /** The journal's file; absent: memory only. */
  file?: string | undefined;
  /** Records to leave out when the journal is rewritten at start. */
  keep?: (kind: Kind, object: { id: string }) => boolean;
};

export function openStore(options: StoreOptions = {}): Store {
  const tables = new Map<Kind, Table>();
  const indexes = new Map<string, Index>();
  const listeners: (() => void)[] = [];
  const journal = options.file === undefined ? undefined : openJournal(options.file);
  let depth = 0;
  let changes = new Map<string, { kind: Kind; id: string; before: { id: string } | undefined }>();

  const tableOf = (kind: Kind): Table => {
    let table = tables.get(kind);
    if (table === undefined) {
      table = new Map();
      tables.set(kind, table);
    }
    return table;
  };

  const write = (kind: Kind, id: string, object: { id: string } | undefined) => {
    const table = tableOf(kind);
    const before = table.get(id);
    if (object === undefined) {
      table.delete(id);
    } else {
      table.set(id, object);
    }
    for (const [name, index] of indexes) {
      const [indexed, field = ''] = name.split('.');
      if (indexed === kind) {
        reindex(index, { id, before: fieldOf(before, field), after: fieldOf(object, field) });
      }
    }
    return before;
  };

  for (const [kind, id, object] of journal?.read() ?? []) {
    write(kind, id, object ?? undefined);
  }
  journal?.rewrite(
    [...tables].flatMap(([kind, table]) =>
      [...table.values()]
        .filter((object) => options.keep?.(kind, object) ?? true)
        .map((object): Change => [kind, object.id, object]),
    ),
  );

  const record = (kind: Kind, id: string, object: { id: string } | undefined) => {
    if (depth === 0) {
      throw new Error('The sandbox writes only inside a commit.');
    }
    const before = write(kind, id, object);
    const key = `${kind}/${id}`;
    if (!changes.has(key)) {
      changes.set(key, { kind, id, before });
    }
  };

  const finish = (keep: boolean) => {
    const written = [...changes.values()];
    changes = new Map();
    if (!keep) {
      for (const { kind, id, before } of written.reverse()) {
        write(kind, id, before);
      }
      return;
    }
    if (written.length > 0) {
      journal?.append(
        written.map(({ kind, id }): Change => [kind, id, tableOf(kind).get(id) ?? null]),
      );
      for (const listener of listeners) {
        listener();
      }
    }
  };

  return {
    get: <K extends Kind>(kind: K, id: string) => tableOf(kind).get(id) as Records[K] | undefined,
    all: <K extends Kind>(kind: K) => [...tableOf(kind).values()] as Records[K][],
    where<K extends Kind>(kind: K, field: keyof Records[K] & string, value: unknown) {
      const name = `${kind}.${field}`;
      let index = indexes.get(name);
      if (index === undefined) {
        index = new Map();
        for (const [id, object] of tableOf(kind)) {
          reindex(index, { id, before: undefined, after: fieldOf(object, field) });
        }
        indexes.set(name, index);
      }
      const table = tableOf(kind);
      return [...(index.get(value) ?? [])].flatMap((id) => {
        const object = table.get(id);
        return object === undefined ? [] : [object as Records[K]];
      });
    },
    put<K extends Kind>(kind: K, object: Records[K]) {
      record(kind, object.id, object);
      return object;
    },
    remove: (kind, id) => record(kind, id, undefined),
    commit(work) {
      depth += 1;
      let keep = true;
      try {
        return work();
      } catch (error) {
        keep = isKept(error);
        throw error;
      } finally {
        depth -= 1;
        if (depth === 0) {
          finish(keep);
        }
      }
    },
    tryOut(work) {
      const outer = changes;
      changes = new Map();
      depth += 1;
      try {
        return work();
      } finally {
        finish(false);
        changes = outer;
        depth -= 1;
      }
    },
    onCommit: (listener) => void listeners.push(listener),
    close: () => journal?.close(),
  };
}

function isKept(error: unknown): boolean {
  return error instanceof Error && 'keep' in error && error.keep === true;
}

function fieldOf(object: { id: string } | undefined, field: string): unknown {
  return object === undefined ? undefined : (object as Record<string, unknown>)[field];
}

function reindex(index: Index, change: { id: string; before: unknown; after: unknown }): void {
  if (change.before === change.after) {
    return;
  }
  index.get(change.before)?.delete(change.id);
  if (change.after !== undefined) {
    const ids = index.get(change.after) ?? new Set();
    index.set(change.after, ids.add(change.id));
  }
}
