import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { statusOf } from '../../../src/http/problem.ts';
import type { ErrorCode } from '../../../src/kernel/index.ts';

describe('docs/errors.md', () => {
  it('lists every code with the status that it is answered with', async () => {
    const text = await readFile('docs/errors.md', 'utf8');
    const documented = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(
      ([, code = '', status]) => [code, Number(status)],
    );
    const source = await readFile('packages/florin/src/kernel/errors.ts', 'utf8');
    const union = /export type ErrorCode =([^;]+);/.exec(source)?.[1] ?? '';
    const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code as ErrorCode);
    expect(codes.length).toBeGreaterThan(20);
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(codes.map((code) => [code, statusOf(code)])),
    );
  });
});
