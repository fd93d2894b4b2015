import { defineConfig } from 'vitest/config';
import { TallyReporter } from './packages/florin/test/support/tally.ts';

/** Tests read the packages' sources, not what was built of them. */
const conditions = ['florin-source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/{src,test}/**/*.test.{ts,tsx}'],
    globalSetup: ['packages/florin/test/support/cluster.ts'],
    reporters: ['default', new TallyReporter()],
    pool: 'forks',
    // Tests wait for Postgres, processes and a browser more than they compute.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    restoreMocks: true,
  },
});
