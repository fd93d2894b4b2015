import { expect, it } from 'vitest';
import { runFlorin, startFlorin } from '../../support/florin-process.ts';
import { JWT_SECRET, SERVER_KEY, WEBHOOK_SECRET } from '../http/florin-service.ts';

const SETTINGS = {
  DATABASE_URL: 'postgresql://postgres:pw@127.0.0.1:1/postgres',
  STRIPE_SECRET_KEY: 'sk_live_51Nq8WvRkZ',
  STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  STRIPE_API_BASE: 'http://stripe-mirror.example',
  SUPABASE_URL: 'http://project.supabase.example',
  JWT_SECRET,
  FLORIN_SECRET_KEY: SERVER_KEY,
  APP_URL: 'http://app.example.com',
  ALERT_URL: 'http://hooks.example.com',
  ALLOWED_ORIGINS: 'http://shop.example.com',
};

it('serve refuses what would be read on its way, naming each setting at once', {
  timeout: 240_000,
}, async () => {
  const running = await startFlorin(['serve'], { env: SETTINGS });
  // One that starts after all must not outlive this test.
  const impatience = setTimeout(() => running.child.kill('SIGKILL'), 30_000);
  const { code, stderr } = await running.finished;
  clearTimeout(impatience);
  expect(code).toBe(1);
  for (const name of ['SUPABASE_URL', 'APP_URL', 'ALERT_URL', 'STRIPE_API_BASE']) {
    expect(stderr).toContain(`${name} is http:// to a public host`);
  }
  expect(stderr).toContain('ALLOWED_ORIGINS: http://shop.example.com is http:// to a public host');
  expect(stderr).toContain('STRIPE_API_BASE is set beside a live key');
  for (const secret of [SETTINGS.STRIPE_SECRET_KEY, JWT_SECRET, SERVER_KEY]) {
    expect(stderr).not.toContain(secret);
  }
});

it('no command sends a live key to another address than Stripe', {
  timeout: 240_000,
}, async () => {
  const env = { ...SETTINGS, STRIPE_API_BASE: 'http://127.0.0.1:1' };
  const { code, stderr } = await runFlorin(['catalog', 'check'], { env });
  expect(code).toBe(1);
  expect(stderr).toContain('STRIPE_API_BASE is set beside a live key');
});

it('serve names HOST where it is no address of the machine', { timeout: 240_000 }, async () => {
  const env = {
    DATABASE_URL: SETTINGS.DATABASE_URL,
    STRIPE_SECRET_KEY: 'sk_test_51Nq8WvRkZ',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    SUPABASE_URL: 'https://project.supabase.co',
    JWT_SECRET,
    FLORIN_SECRET_KEY: SERVER_KEY,
    APP_URL: 'https://app.example.com',
    HOST: '192.0.2.1',
    PORT: '0',
  };
  const running = await startFlorin(['serve'], { env });
  const impatience = setTimeout(() => running.child.kill('SIGKILL'), 60_000);
  const { code, stderr } = await running.finished;
  clearTimeout(impatience);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('HOST 192.0.2.1 is no address of this machine'),
  });
  expect(stderr).not.toContain('    at ');
});
