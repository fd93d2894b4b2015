import { describe, expect, it } from 'vitest';
import { type Environment, parseConfig } from './config.ts';
import type { InvalidConfigurationError } from './kernel/index.ts';

const GOOD: Environment = {
  DATABASE_URL: 'postgresql://postgres:pw@localhost:5432/postgres',
  STRIPE_SECRET_KEY: 'sk_test_51Nabc',
  STRIPE_WEBHOOK_SECRET: 'whsec_5f2b9c1d7e3a',
  SUPABASE_URL: 'https://abc.supabase.co/',
  JWT_SECRET: 'k3v9Q2mZr8tW5xYb1nLpA7cFhJ0sDgUe',
  FLORIN_SECRET_KEY: 'Zq4w8Ns1Vb6Kx0Tj3Ry9Mh2Lf7Pd5CgA',
  APP_URL: 'https://app.example.com/',
};

function faultsOf(change: Environment): readonly string[] {
  try {
    parseConfig({ ...GOOD, ...change });
    return [];
  } catch (error) {
    return (error as InvalidConfigurationError).faults;
  }
}

describe('the environment', () => {
  it('is read once, into what the parts need', () => {
    const config = parseConfig({
      ...GOOD,
      STRIPE_WEBHOOK_SECRET: 'whsec_5f2b9c1d7e3a, whsec_8e1c4b7f2a9d',
      ALLOWED_ORIGINS: 'https://shop.example.com, https://Example.com:8443/',
      COOKIE_DOMAIN: '.example.com',
      PORT: '8080',
    });
    expect(config).toMatchObject({
      stripe: { webhookSecrets: ['whsec_5f2b9c1d7e3a', 'whsec_8e1c4b7f2a9d'] },
      supabase: { url: 'https://abc.supabase.co', jwtSecrets: [] },
      appUrl: 'https://app.example.com',
      allowedOrigins: [
        'https://app.example.com',
        'https://shop.example.com',
        'https://example.com:8443',
      ],
      cookieDomain: 'example.com',
      port: 8080,
      host: '127.0.0.1',
      logLevel: 'info',
      trustedProxies: 0,
    });
  });

  it('has no default for a secret, and names everything that is missing at once', () => {
    try {
      parseConfig({});
      expect.unreachable();
    } catch (error) {
      const { faults } = error as InvalidConfigurationError;
      for (const name of [
        'DATABASE_URL',
        'STRIPE_SECRET_KEY',
        'STRIPE_WEBHOOK_SECRET',
        'SUPABASE_URL',
        'JWT_SECRET',
        'FLORIN_SECRET_KEY',
        'APP_URL',
      ]) {
        expect(faults.filter((fault) => fault.startsWith(`${name} is missing`))).toHaveLength(1);
      }
      expect(faults).toHaveLength(7);
    }
  });

  it.each([
    ['JWT_SECRET', 'your-secret-key'],
    ['JWT_SECRET', 'your-secret-key-your-secret-key-1234'],
    ['JWT_SECRET', 'a'.repeat(64)],
    ['JWT_SECRET', 'abcdefgh'.repeat(5)],
    ['JWT_SECRET', 'k3v9Q2mZr8tW5xYb1nLpA7cFhJ0sDgU'],
    ['JWT_SECRET', `${GOOD['JWT_SECRET']},short`],
    ['JWT_SECRET', `${GOOD['JWT_SECRET']},`],
    ['JWT_SECRET', 'change-me-change-me-please-change-me'],
    ['FLORIN_SECRET_KEY', 'secret'],
    ['FLORIN_SECRET_KEY', GOOD['JWT_SECRET']],
    ['SUPABASE_JWT_SECRET', 'password'],
    ['SUPABASE_JWT_SECRET', 'super-secret-jwt-token-with-at-least-32-characters-long'],
    ['STRIPE_WEBHOOK_SECRET', 'we_1234567890'],
    ['STRIPE_WEBHOOK_SECRET', 'whsec_'],
    ['STRIPE_SECRET_KEY', 'pk_live_1234567890'],
  ])('refuses a weak %s and never repeats it (%s)', (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(name);
    for (const secret of (value ?? '').split(',').filter((one) => one.length > 8)) {
      expect(faults[0]).not.toContain(secret);
    }
  });

  it.each([
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['STRIPE_API_BASE', 'localhost:4243'],
    ['SUPABASE_URL', 'abc.supabase.co'],
    ['APP_URL', 'javascript:alert(1)'],
    ['APP_URL', 'https://user:pw@app.example.com'],
    ['APP_URL', 'https://app.example.com/?next=1'],
    ['APP_URL', 'https:\\\\app.example.com'],
    ['ALLOWED_ORIGINS', '*'],
    ['ALLOWED_ORIGINS', 'https://*.example.com'],
    ['ALLOWED_ORIGINS', 'https://shop.example.com/path'],
    ['ALLOWED_ORIGINS', 'shop.example.com'],
    ['ALLOWED_ORIGINS', 'null'],
    ['COOKIE_DOMAIN', '127.0.0.1'],
    ['COOKIE_DOMAIN', 'https://example.com'],
    ['COOKIE_DOMAIN', 'com'],
    ['PORT', 'http'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['LOG_LEVEL', 'loud'],
    ['TRUSTED_PROXIES', '1.5'],
    ['METRICS_PORT', '0'],
    ['BUYER_STRIPE_CALLS', '0'],
  ])('refuses %s=%s', (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(name);
  });

  it.each([
    ['SUPABASE_URL', 'http://abc.supabase.co'],
    ['APP_URL', 'http://app.example.com'],
    ['ALERT_URL', 'http://hooks.example.com/florin'],
    ['STRIPE_API_BASE', 'http://stripe-mirror.example'],
    ['ALLOWED_ORIGINS', 'https://shop.example.com,http://shop.example.com'],
    ['APP_URL', 'http://8.8.8.8'],
    ['APP_URL', 'http://localhost.example.com'],
  ])('refuses %s=%s, which is read and changed on its way', (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toEqual([expect.stringContaining('http:// to a public host')]);
    expect(faults[0]).toContain(name);
    const https = value.replaceAll('http://', 'https://');
    expect(faultsOf({ [name]: https })).toEqual([]);
  });

  it.each([
    'http://127.0.0.1:54321',
    'http://192.168.1.20',
    'http://kong:8000',
    'http://[fd00::1]',
  ])('takes %s, which stays in its own network', (value) => {
    for (const name of ['SUPABASE_URL', 'APP_URL', 'ALERT_URL', 'STRIPE_API_BASE']) {
      expect(faultsOf({ [name]: value })).toEqual([]);
    }
    expect(faultsOf({ ALLOWED_ORIGINS: value })).toEqual([]);
  });

  it.each(['sk_live_51Nabc', 'rk_live_51Nabc'])('asks nobody but Stripe with %s', (key) => {
    for (const base of ['https://stripe-mirror.example', 'http://127.0.0.1:4243']) {
      const faults = faultsOf({ STRIPE_SECRET_KEY: key, STRIPE_API_BASE: base });
      expect(faults).toEqual([expect.stringContaining('beside a live key')]);
    }
    expect(faultsOf({ STRIPE_SECRET_KEY: key })).toEqual([]);
  });

  it('wants a port of its own for the figures', () => {
    expect(faultsOf({ PORT: '9464', METRICS_PORT: '9464' })).toEqual([
      expect.stringContaining('METRICS_PORT and PORT are the same'),
    ]);
    expect(parseConfig({ ...GOOD, METRICS_PORT: '9464' }).metricsPort).toBe(9464);
  });

  it('lets the published secret of a local Supabase be used on this machine only', () => {
    const secret = 'super-secret-jwt-token-with-at-least-32-characters-long';
    const local = { SUPABASE_JWT_SECRET: secret, SUPABASE_URL: 'http://127.0.0.1:54321' };
    expect(faultsOf(local)).toEqual([]);
  });

  it('needs either published keys or the shared secret', () => {
    const shared = { SUPABASE_URL: '', SUPABASE_JWT_SECRET: 'q8Wn3Zr7Vx1Kt5Lp9Hd2Mf6Bj0Sg4Cy8' };
    expect(faultsOf(shared)).toEqual([]);
  });
});
