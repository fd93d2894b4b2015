import { describe, expect, it } from 'vitest';
import { isPrivateHost } from './hosts.ts';

const hostOf = (address: string) => new URL(address).hostname;

describe('a private host', () => {
  it.each([
    'http://localhost:4242',
    'http://shop.localhost',
    'http://127.0.0.1',
    'http://127.1.2.3',
    'http://[::1]:4242',
    'http://10.1.2.3',
    'http://172.16.0.1',
    'http://172.31.255.255',
    'http://192.168.178.20:54321',
    'http://100.100.1.1',
    'http://169.254.1.1',
    'http://[fd12:3456::1]',
    'http://[fe80::1]',
    'http://[::ffff:10.0.0.1]',
    'http://supabase-kong:8000',
    'http://kong.supabase.svc.cluster.local',
    'http://metadata.google.internal',
    'http://2130706433',
  ])('is %s', (address) => {
    expect(isPrivateHost(hostOf(address))).toBe(true);
  });

  it.each([
    'http://example.com',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://mylocalhost.com',
    'http://internal.example',
    'http://11.0.0.1',
    'http://172.32.0.1',
    'http://172.15.255.255',
    'http://192.169.0.1',
    'http://100.128.0.1',
    'http://8.8.8.8',
    'http://134744072',
    'http://[2001:db8::1]',
    'http://[::ffff:8.8.8.8]',
    'http://localhost.',
  ])('is not %s', (address) => {
    expect(isPrivateHost(hostOf(address))).toBe(false);
  });
});
