import { describe, expect, it } from 'vitest';
import { parseForm } from './form.ts';
import { Params } from './params.ts';

const paramsOf = (encoded: string) => new Params(parseForm(encoded));

describe("Stripe's form encoding", () => {
  it('nests objects and arrays, numbered or not', () => {
    const params = paramsOf(
      'items[0][price]=price_a&items[0][quantity]=2&items[1][price]=price_b&expand[]=a&expand[]=b.c&metadata[a%20b]=x%26y',
    );
    expect(params.objects('items').map((item) => item.need('price'))).toEqual([
      'price_a',
      'price_b',
    ]);
    expect(params.objects('items')[0]?.integer('quantity')).toBe(2);
    expect(params.texts('expand')).toEqual(['a', 'b.c']);
    expect(params.metadata()).toEqual({ 'a b': 'x&y' });
  });

  it('keeps more than ten array items in their order', () => {
    const encoded = Array.from({ length: 12 }, (_, nth) => `list[${nth}]=v${nth}`).join('&');
    expect(paramsOf(encoded).texts('list').at(-1)).toBe('v11');
  });

  it('names the parameter that is wrong', () => {
    const params = paramsOf('a[b]=x&flag=yes&number=1.5&a2=1');
    expect(() => params.flag('flag')).toThrow('Invalid boolean');
    expect(() => params.integer('number')).toThrow('Invalid integer');
    expect(() => params.object('a')?.need('c')).toThrow('a[c]');
    expect(() => params.object('a2')).toThrow('Invalid object');
    expect(() => parseForm('a=1&a[b]=2')).toThrow('both a value and an object');
  });

  it('is not led astray by names that JavaScript knows', () => {
    const form = parseForm('__proto__[polluted]=1&constructor[prototype][polluted]=1');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(form)).toBeNull();
  });

  it('unsets by an empty value and refuses too much metadata', () => {
    expect(paramsOf('metadata[a]=').metadata({ a: '1', b: '2' })).toEqual({ b: '2' });
    expect(paramsOf('metadata=').metadata({ a: '1' })).toEqual({});
    const many = Array.from({ length: 51 }, (_, nth) => `metadata[k${nth}]=v`).join('&');
    expect(() => paramsOf(many).metadata()).toThrow('up to 50 keys');
  });
});
