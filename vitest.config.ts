import { configDefaults, defineConfig } from 'vitest/config';
import { TallyReporter } from './packages/florin/test/support/tally.ts';

/** Tests read the packages' sources, not what was built of them. */
const conditions = ['florin-source'];

/** Tests that need neither Postgres nor a browser: `npm run check:quick` runs these alone. */
const UNIT = [
  'packages/*/src/**/*.test.{ts,tsx}',
  'packages/florin/test/architecture/**/*.test.ts',
  'packages/florin/test/faults/order.test.ts',
];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // What globalSetup of a project imports is resolved in this one.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: UNIT } },
      {
        extends: true,
        test: {
          name: 'database',
          include: ['packages/*/test/**/*.test.{ts,tsx}'],
          exclude: [...configDefaults.exclude, ...UNIT],
          globalSetup: ['packages/florin/test/support/cluster.ts'],
          setupFiles: ['packages/florin/test/support/new-hour.ts'],
        },
      },
    ],
    reporters: ['default', new TallyReporter()],
    pool: 'forks',
    // Tests keep nothing in modules, the environment or globals, so a worker loads each module once for all its files.
    isolate: false,
    // Tests wait for Postgres, processes and a browser more than they compute.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    restoreMocks: true,
    // Vitest's own second is too short for a busy machine.
    expect: { poll: { timeout: 20_000 } },
  },
});
