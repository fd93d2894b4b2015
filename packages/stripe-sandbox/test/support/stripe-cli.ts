import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** CI's platform has the official Stripe CLI: there it must be found. */
const isRequired = process.platform === 'linux' && process.arch === 'x64';

/** The program for this machine, which `@stripe/cli` brought. */
export function stripeProgram(): string {
  const name = `@stripe/cli-${process.platform}-${process.arch}`;
  const found = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return join(dirname(found), 'bin/stripe');
}

function isThere(): boolean {
  try {
    return stripeProgram() !== '';
  } catch {
    return false;
  }
}

export const hasStripeCli = isRequired || isThere();

/** Its environment: a home of its own, no telemetry, nothing of whoever runs the tests. */
export function stripeEnvironment(home: string): NodeJS.ProcessEnv {
  return {
    HOME: home,
    XDG_CONFIG_HOME: home,
    STRIPE_CLI_TELEMETRY_OPTOUT: '1',
    PATH: process.env['PATH'] ?? '',
    NO_COLOR: '1',
  };
}
