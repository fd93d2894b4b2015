#!/usr/bin/env node
import { readCommandLine, USAGE, UsageError } from './command-line.ts';
import { createSandbox } from './sandbox.ts';
import { SandboxSettingsError } from './surroundings.ts';

try {
  const asked = readCommandLine(process.argv.slice(2));
  if (asked === 'help') {
    process.stdout.write(USAGE);
  } else {
    const sandbox = createSandbox(asked);
    await sandbox.start();
    const key = asked.apiKeys?.[0] ?? 'sk_test_sandbox  (any sk_test_… is taken)';
    process.stdout.write(
      `API        ${sandbox.url}\ndashboard  ${sandbox.url}/sandbox\nkey        ${key}\nready\n`,
    );
    const stop = () => {
      void sandbox.stop().then(() => process.stdout.write('stopped\n'));
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  }
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof SandboxSettingsError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`stripe-sandbox: ${message}${isUsage ? '\n(--help tells more)' : ''}\n`);
  process.exitCode = isUsage ? 2 : 1;
}
