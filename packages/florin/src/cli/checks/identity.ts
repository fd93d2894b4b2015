import { MIN_SECRET_BYTES, weaknessOf } from '../../config.ts';
import { isPrivateHost } from '../../kernel/index.ts';
import type { Environment } from '../environment.ts';
import { type Check, fault, messageOf, ok, warning } from './check.ts';

const TIMEOUT_MS = 5_000;

/** Where users' tokens get verified: the keys that the Supabase project publishes. */
export async function checkIdentity(environment: Environment): Promise<Check[]> {
  const base = environment['SUPABASE_URL'];
  const shared = environment['SUPABASE_JWT_SECRET'];
  if (base === undefined) {
    return shared === undefined
      ? [
          fault(
            'supabase.keys',
            'SUPABASE_URL is not set',
            'Set it to https://<project>.supabase.co: Project Settings, API.',
          ),
        ]
      : [ok('supabase.keys', 'the shared secret')];
  }
  const address = `${base.replace(/\/$/, '')}/auth/v1/.well-known/jwks.json`;
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const body = (await response.json()) as { keys?: unknown[] };
    const count = Array.isArray(body.keys) ? body.keys.length : 0;
    if (response.ok && count > 0) {
      return [ok('supabase.keys', `${count} at ${address}`)];
    }
    return shared === undefined
      ? [
          fault(
            'supabase.keys',
            `${address} publishes no keys (status ${response.status})`,
            'Move the project to signing keys (Project Settings, JWT Keys), or set SUPABASE_JWT_SECRET.',
          ),
        ]
      : [ok('supabase.keys', 'none published: the shared secret is used')];
  } catch (error) {
    return [
      fault(
        'supabase.keys',
        `${address}: ${messageOf(error)}`,
        'Check SUPABASE_URL and the network.',
      ),
    ];
  }
}

/** The service's own secrets and addresses, as far as they can be told from outside. */
export function checkService(environment: Environment): Check[] {
  const secrets = ['JWT_SECRET', 'FLORIN_SECRET_KEY'].map((name) => checkSecret(name, environment));
  const appUrl = environment['APP_URL'];
  if (appUrl === undefined) {
    return [
      ...secrets,
      fault(
        'service.app_url',
        'APP_URL is not set',
        'Set it to where buyers return to after paying.',
      ),
    ];
  }
  if (!URL.canParse(appUrl)) {
    return [
      ...secrets,
      fault('service.app_url', 'APP_URL is not an address', 'Write it as https://app.example.com.'),
    ];
  }
  const { protocol, hostname } = new URL(appUrl);
  return [
    ...secrets,
    protocol === 'https:' || isPrivateHost(hostname)
      ? ok('service.app_url', appUrl)
      : fault('service.app_url', `APP_URL ${appUrl} is not encrypted`, 'Use https.'),
    ...checkProxies(environment, protocol),
  ];
}

/** `serve` speaks plain http: behind an https address stands a proxy, which knows the visitors' addresses. */
function checkProxies(environment: Environment, protocol: string): Check[] {
  const proxies = environment['TRUSTED_PROXIES']?.trim() ?? '0';
  if (protocol !== 'https:' || proxies !== '0') {
    return [ok('service.trusted_proxies', proxies)];
  }
  return [
    warning(
      'service.trusted_proxies',
      'APP_URL is https, so a proxy stands before serve, and TRUSTED_PROXIES is 0: all visitors share the limits of one address',
      'Set it to the number of proxies that append to X-Forwarded-For. Where Florin is mounted in another server, leave it.',
    ),
  ];
}

function checkSecret(name: string, environment: Environment): Check {
  const check = `service.${name.toLowerCase()}`;
  const value = environment[name];
  if (value === undefined) {
    return fault(
      check,
      `${name} is not set`,
      `Make one: node -e "console.log(require('crypto').randomBytes(32).toString('base64url'))"`,
    );
  }
  const weak = value
    .split(',')
    .map((one) => weaknessOf(one.trim(), MIN_SECRET_BYTES[name] ?? 0))
    .find((weakness) => weakness !== undefined);
  return weak === undefined
    ? ok(check, 'set')
    : fault(check, `${name} ${weak}`, 'Make a new one, random and longer.');
}
