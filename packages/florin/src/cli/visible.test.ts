import { describe, expect, it } from 'vitest';
import { table } from './command-line.ts';
import { visible } from './visible.ts';

describe('what the terminal is given', () => {
  it.each([
    ['\u001b[31mred', '\\u001b[31mred'],
    ['\u001b]0;pwned\u0007', '\\u001b]0;pwned\\u0007'],
    ['\u009b2J', '\\u009b2J'],
    ['\u007f\u0000\r', '\\u007f\\u0000\\u000d'],
    ['a\u202eb\u2066c\u200fd\u061c', 'a\\u202eb\\u2066c\\u200fd\\u061c'],
    ['line\u2028line', 'line\\u2028line'],
  ])('shows %j as an escape', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it('is any other text as it is, in every script', () => {
    const text = 'Zoë paid 5 €\nשלום مرحبا 你好 👩‍👩‍👧';
    expect(visible(text)).toBe(text);
  });

  it('keeps the meaning of JSON', () => {
    const value = { reason: 'a\u001b\u009b\u202e\n' };
    expect(JSON.parse(visible(JSON.stringify(value, undefined, 2)))).toEqual(value);
  });
});

it('a cell with a line feed forges no row, and columns stay aligned', () => {
  const lines = table(['key', 'why'], [['k\u001b[2J', 'a gift\nfake  row']]).split('\n');
  expect(lines).toEqual(['key         why', 'k\\u001b[2J  a gift\\u000afake  row']);
});
