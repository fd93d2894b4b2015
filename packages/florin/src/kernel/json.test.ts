import { describe, expect, it } from 'vitest';
import { JSON_LIMITS, toPlainJson, toStorableJson } from './json.ts';

const nested = (levels: number) => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) {
    value = { a: value };
  }
  return value;
};

describe('a value that becomes JSON', () => {
  it('is copied as JSON would write it', () => {
    const value = {
      text: 'zwei 🧾',
      list: [1, undefined, [null]],
      date: new Date(0),
      left: undefined,
      own: Object.assign(Object.create(null), { yes: true }),
    };
    expect(JSON.stringify(toPlainJson(value, 'metadata'))).toBe(JSON.stringify(value));
  });

  it('keeps a key that is called __proto__', () => {
    const text = '{"__proto__":{"a":1},"constructor":2}';
    expect(JSON.stringify(toPlainJson(JSON.parse(text), 'metadata'))).toBe(text);
  });

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const wide = { a: {}, b: {} } as Record<string, unknown>;
  let leaf = wide;
  for (let level = 0; level < 30; level += 1) {
    const next = { a: {}, b: {} };
    leaf['a'] = next;
    leaf['b'] = next;
    leaf = next;
  }
  it.each([
    ['a circular value', circular, 'metadata: must not be nested deeper than 64 levels'],
    ['too many levels', nested(65), 'metadata: must not be nested deeper than 64 levels'],
    ['20,000 levels', nested(20_000), 'metadata: must not be nested deeper than 64 levels'],
    ['one object shared two billion times', wide, 'metadata: must be at most 1048576 bytes'],
    ['5 MB', { a: 'x'.repeat(5_000_000) }, 'metadata: must be at most 1048576 bytes'],
    ['a bigint', { a: { b: 1n } }, 'metadata.a.b: must be a JSON value; got a bigint'],
    ['NaN', { a: [0, Number.NaN] }, 'metadata.a.1: must be a finite number; got NaN'],
    ['a Map', { a: new Map([[1, 2]]) }, 'metadata.a: must be a plain object'],
    ['a function', { a: () => 1 }, 'metadata.a: must be a JSON value; got a function'],
    ['NUL in a value', { a: 'b\0' }, 'metadata.a: must be well-formed Unicode without NUL'],
    ['half a pair in a key', { '\ud800': 1 }, 'metadata: must be well-formed Unicode'],
    [
      'a toJSON that throws',
      {
        a: {
          toJSON() {
            throw new Error('no');
          },
        },
      },
      'metadata: cannot be read as JSON',
    ],
  ])('may not hold %s, and the error says where', (_what, value, says) => {
    expect(() => toPlainJson(value, 'metadata')).toThrow(
      expect.objectContaining({
        code: 'invalid_input',
        message: expect.stringContaining(says),
        details: expect.objectContaining({ faults: [expect.stringContaining('metadata')] }),
      }),
    );
  });

  it('may be as deep as the limit', () => {
    expect(() => toPlainJson(nested(JSON_LIMITS.maxDepth), 'metadata')).not.toThrow();
  });
});

describe('a body that is kept whatever is in it', () => {
  it('is not changed when jsonb holds it', () => {
    for (const text of ['{"a":["🧾",1e30,null,"\\ud83e\\uddfe"],"__proto__":1}', '"x"', '1']) {
      expect(toStorableJson(text)).toEqual({ value: JSON.parse(text), json: text, changed: false });
    }
  });

  it.each([
    ['"a\\u0000b"', '"a\ufffdb"'],
    ['{"a\\u0000b":{"\\ud800":1}}', '{"a\ufffdb":{"\ufffd":1}}'],
    ['[1e400,-1e400]', '[null,null]'],
    [`[0.${'0'.repeat(20_000)}1]`, '[0]'],
    [`[${'9'.repeat(300_000)}]`, '[null]'],
    ['{"__proto__":"\\u0000"}', '{"__proto__":"\ufffd"}'],
    [`${'['.repeat(200_000)}${']'.repeat(200_000)}`, `${'['.repeat(64)}null${']'.repeat(64)}`],
  ])('loses only what jsonb does not hold (%#)', (text, kept) => {
    expect(toStorableJson(text)).toMatchObject({ json: kept, changed: true });
  });

  it('may be no JSON at all', () => {
    expect(toStorableJson('{"a":')).toBeUndefined();
  });
});
