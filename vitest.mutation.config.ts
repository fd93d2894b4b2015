import { defineConfig } from 'vitest/config';

/** What `npm run mutate` runs on every mutant: the money core's tests that need neither Postgres nor HTTP. */
export default defineConfig({
  test: {
    include: [
      'packages/florin/src/{fulfillment,catalog,kernel}/**/*.test.ts',
      'packages/florin/src/stripe/facts/**/*.test.ts',
      'packages/florin/test/faults/order.test.ts',
    ],
    env: { FLORIN_MOST_ORDERS: '3' },
    restoreMocks: true,
  },
});
