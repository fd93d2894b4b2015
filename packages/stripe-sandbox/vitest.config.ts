import { defineConfig } from 'vitest/config';

/** The sandbox's tests alone: they need no Postgres. */
export default defineConfig({
  test: {
    include: ['{src,test}/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 120_000,
    restoreMocks: true,
  },
});
