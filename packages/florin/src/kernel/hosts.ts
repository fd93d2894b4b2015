import { BlockList, isIP } from 'node:net';

/** Names that no public DNS resolves: RFC 6761, 6762 and 8375, and ICANN's reserved `internal`. */
const PRIVATE_NAMES = /(^|\.)(localhost|local|internal|home\.arpa)$/;

/** RFC 1918, 6598 (behind carriers and in tailnets), 3927, 4193 and 4291. */
const PRIVATE_NETWORKS = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['fc00::', 7],
  ['fe80::', 10],
] as const;

/** Whether a host name, as `URL` spells it, can only mean this machine. */
export function isLoopback(hostname: string): boolean {
  return (
    /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname) || hostname.endsWith('.localhost')
  );
}

/**
 * Whether a host name, as `URL` spells it, leads nowhere beyond this machine and its own network: then
 * `http://` to it is no secret for the whole way. A name without a dot is one of a container network.
 */
export function isPrivateHost(hostname: string): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(address);
  if (family === 0) {
    return !hostname.includes('.') || PRIVATE_NAMES.test(hostname);
  }
  const networks = new BlockList();
  for (const [network, bits] of PRIVATE_NETWORKS) {
    networks.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return isLoopback(hostname) || networks.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
