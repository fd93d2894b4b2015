import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { statusOf } from '../../../src/http/problem.ts';

describe('docs/errors.md', () => {
  it('lists every code with the status that it is answered with', async () => {
    const text = await readFile('docs/errors.md', 'utf8');
    const documented = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(
      ([, code = '', status]) => [code, Number(status)],
    );
    const codes = [
      ...(await codesOf('kernel/errors.ts', 'ErrorCode')),
      ...(await codesOf('http/request-error.ts', 'RequestErrorCode')),
    ];
    expect(codes.length).toBeGreaterThan(20);
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(codes.map((code) => [code, statusOf(code)])),
    );
  });
});

async function codesOf(file: string, name: string): Promise<Parameters<typeof statusOf>[0][]> {
  const source = await readFile(`packages/florin/src/${file}`, 'utf8');
  const union = new RegExp(`export type ${name} =([^;]+);`).exec(source)?.[1] ?? '';
  return [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code as Parameters<typeof statusOf>[0]);
}
