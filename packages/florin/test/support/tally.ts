import type { Reporter, TestModule } from 'vitest/node';
import { leftOut } from './installed.ts';

/**
 * The run's last line: `N passed, N failed`. A file that could not be loaded, and an error outside
 * of any test or in the setup, count as failures, so that the line never says more than is true. Before it stands what this machine left out, if
 * anything.
 */
export class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        passed += state === 'passed' ? 1 : 0;
        skipped += state === 'skipped' ? 1 : 0;
        failedHere += state === 'failed' ? 1 : 0;
      }
      failed += failedHere > 0 || module.ok() ? failedHere : Math.max(1, module.errors().length);
    }
    const notice = skipped > 0 ? leftOut() : undefined;
    process.once('exit', (code) => {
      if (notice !== undefined) {
        process.stdout.write(`${notice}\n`);
      }
      const counted = code !== 0 && failed === 0 ? 1 : failed;
      process.stdout.write(`${passed} passed, ${counted} failed\n`);
    });
  }
}
