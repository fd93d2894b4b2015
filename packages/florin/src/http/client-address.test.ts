import { describe, expect, it } from 'vitest';
import { createAddressOf } from './client-address.ts';
import type { RequestContext } from './context.ts';

function open(trustedProxies: number) {
  const warnings: string[] = [];
  const write = (_fields: object, message: string) => void warnings.push(message);
  const silent = () => undefined;
  const addressOf = createAddressOf({
    trustedProxies,
    logger: { warn: write, error: silent, info: silent, debug: silent },
  });
  return {
    warnings,
    of: (forwarded?: string, remoteAddress?: string) =>
      addressOf({
        env: { incoming: { socket: { remoteAddress } } },
        req: { header: () => forwarded },
      } as unknown as RequestContext),
  };
}

describe('the address that a request is counted by', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['1.2.3.4:5678', '1.2.3.4'],
    ['9.9.9.9, 1.2.3.4:5678', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['[::ffff:1.2.3.4]:80', '1.2.3.4'],
    ['2001:db8:0:7::1', '2001:db8:0:7::/64'],
    ['[2001:db8:0:7::1]', '2001:db8:0:7::/64'],
    ['[2001:db8:0:7::1]:443', '2001:db8:0:7::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['unknown', 'unknown'],
    ['', '10.0.0.1'],
  ])('is, of the entry %j of a trusted proxy, %s', (forwarded, address) => {
    expect(open(1).of(forwarded, '10.0.0.1')).toBe(address);
  });

  it('is the entry that the outermost trusted proxy has written', () => {
    expect(open(2).of('6.6.6.6, 1.2.3.4, 10.0.0.2', '10.0.0.1')).toBe('1.2.3.4');
  });

  it("is the connection's where nobody is trusted, and unknown where none is seen", () => {
    expect(open(0).of('1.2.3.4', '::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(open(0).of(undefined, undefined)).toBeUndefined();
  });
});

it('a forwarded address that nobody is trusted to send is warned of once', () => {
  const untrusting = open(0);
  untrusting.of(undefined, '10.0.0.1');
  expect(untrusting.warnings).toEqual([]);
  untrusting.of('1.2.3.4', '10.0.0.1');
  untrusting.of('1.2.3.4', '10.0.0.1');
  expect(untrusting.warnings).toHaveLength(1);
  const trusting = open(1);
  trusting.of('1.2.3.4', '10.0.0.1');
  expect(trusting.warnings).toEqual([]);
});
