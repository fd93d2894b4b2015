import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ApiError } from '../api/errors.ts';
import { openStore } from './store.ts';

function fileUnderTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stripe-sandbox-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'data', 'sandbox.jsonl');
}

describe("the sandbox's store", () => {
  it('undoes what a failed commit wrote, and keeps it when the error says so', () => {
    const store = openStore();
    store.commit(() => store.put('counter', { id: 'a', value: 1 }));
    const write = (keep: boolean) => () =>
      store.commit(() => {
        store.put('counter', { id: 'a', value: 2 });
        store.put('counter', { id: 'b', value: 1 });
        throw new ApiError(402, { type: 'card_error', message: 'declined' }, { keep });
      });
    expect(write(false)).toThrow('declined');
    expect(store.all('counter')).toEqual([{ id: 'a', value: 1 }]);
    expect(write(true)).toThrow('declined');
    expect(store.all('counter')).toHaveLength(2);
    expect(() => store.put('counter', { id: 'c', value: 1 })).toThrow('inside a commit');
  });

  it('finds by a field, also after changes, removals and undoing', () => {
    const store = openStore();
    const put = (id: string, value: number) => store.put('counter', { id, value });
    store.commit(() => [put('a', 1), put('b', 1), put('c', 2)]);
    const ids = (value: number) => store.where('counter', 'value', value).map((one) => one.id);
    expect(ids(1)).toEqual(['a', 'b']);
    store.commit(() => {
      put('a', 2);
      store.remove('counter', 'b');
    });
    expect([ids(1), ids(2)]).toEqual([[], ['c', 'a']]);
    expect(() =>
      store.commit(() => {
        put('c', 1);
        throw new Error('undone');
      }),
    ).toThrow('undone');
    expect(ids(1)).toEqual([]);
    expect(new Set(ids(2))).toEqual(new Set(['a', 'c']));
  });

  it('reads back what it wrote, drops a torn last line and refuses a damaged file', () => {
    const file = fileUnderTest();
    const first = openStore({ file });
    first.commit(() => first.put('counter', { id: 'a', value: 1 }));
    first.commit(() => first.put('counter', { id: 'a', value: 2 }));
    first.commit(() => first.put('counter', { id: 'b', value: 1 }));
    first.commit(() => first.remove('counter', 'b'));
    first.close();
    const kept = readFileSync(file, 'utf8');
    writeFileSync(file, `${kept}[["counter","c",{"id":"c","va`);
    const second = openStore({ file });
    expect(second.all('counter')).toEqual([{ id: 'a', value: 2 }]);
    second.close();
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(1);
    writeFileSync(file, `{"broken\n${kept}`);
    expect(() => openStore({ file })).toThrow('delete it to start afresh');
  });
});
