import { isIP } from 'node:net';
import type { Logger } from '../kernel/index.ts';
import type { RequestContext } from './context.ts';

/**
 * Returns the address to count a request by: the connection's, or the one that trusted proxies name. Of
 * an IPv6 address only the /64 counts, since a user may choose any address within it. Undefined where
 * the app is mounted and sees no connection: the host has its own limits there.
 */
export type AddressOf = (c: RequestContext) => string | undefined;

/** `trustedProxies` is how many proxies before the service append to X-Forwarded-For; 0 trusts none. */
export function createAddressOf(options: { trustedProxies: number; logger: Logger }): AddressOf {
  const { trustedProxies, logger } = options;
  let hasWarned = trustedProxies > 0;

  return function addressOf(c) {
    const peer = c.env?.incoming?.socket?.remoteAddress;
    const header = c.req.header('x-forwarded-for');
    if (header !== undefined && !hasWarned) {
      hasWarned = true;
      logger.warn(
        { peer },
        'X-Forwarded-For arrives and TRUSTED_PROXIES is 0: if a proxy sends it, set TRUSTED_PROXIES, or all visitors share the limits of one address',
      );
    }
    const forwarded = trustedProxies > 0 ? header?.split(',').at(-trustedProxies) : undefined;
    const address = forwarded === undefined ? undefined : withoutPort(forwarded.trim());
    return toCounted(address || peer);
  };
}

/** Some gateways append the port (`1.2.3.4:5678`, `[2001:db8::1]:443`), which differs by connection. */
function withoutPort(entry: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|([^:]*):\d+)$/.exec(entry) ?? [];
  return bracketed ?? plain ?? entry;
}

function toCounted(address: string | undefined): string | undefined {
  const mapped = address?.replace(/^::ffff:(?=[\d.]+$)/i, '');
  return mapped !== undefined && isIP(mapped) === 6 ? networkOf(mapped) : mapped;
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - front.length - tail.split(':').length;
  const groups = [...front, ...Array<string>(Math.max(0, missing)).fill('0')];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
