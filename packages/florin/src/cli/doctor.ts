import type { Command } from 'commander';
import { loadCatalog } from '../catalog/index.ts';
import { parseConfig } from '../config.ts';
import { InvalidConfigurationError } from '../kernel/index.ts';
import { webhookEventTypes } from '../webhooks/index.ts';
import { checkCatalogue } from './checks/catalogue.ts';
import { type Check, fault, ok } from './checks/check.ts';
import { checkDatabase } from './checks/database.ts';
import { checkIdentity, checkService } from './checks/identity.ts';
import { checkSeats } from './checks/seats.ts';
import { checkStripe } from './checks/stripe.ts';
import { type CommandContext, EXIT, type OutputOptions, print } from './command-line.ts';
import { type Environment, readEnvironment } from './environment.ts';

const SIGNS = { ok: 'ok     ', warning: 'warning', fault: 'FAULT  ' } as const;

/** `florin doctor`: what is configured, what is reachable, what is missing, and how to mend it. */
export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description(
      'Look at everything that Florin depends on: settings, database, Stripe, Supabase, catalogue. Changes nothing; exit 1 when something is broken.',
    )
    .option('--json', 'print JSON')
    .action(async (options: OutputOptions) => {
      const environment = readEnvironment();
      const groups = await Promise.all([
        [checkNode()],
        checkDatabase(environment['DATABASE_URL']),
        checkStripe(environment, {
          eventTypes: webhookEventTypes(),
          catalog: await loadCatalog(environment['FLORIN_CATALOG']).catch(() => null),
        }),
        checkIdentity(environment),
        checkService(environment),
        checkCatalogue(environment['FLORIN_CATALOG'], environment['DATABASE_URL']),
        checkSeats({
          url: environment['DATABASE_URL'],
          catalogPath: environment['FLORIN_CATALOG'],
        }),
      ]);
      const found = groups.flat();
      const checks = [...found, ...checkSettings(environment, found)];
      const healthy = checks.every(({ status }) => status !== 'fault');
      print(context, { options, value: { healthy, checks }, text: describe(checks) });
      context.finishWith(healthy ? EXIT.done : EXIT.failed);
    });
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19)
    ? ok('node', process.versions.node)
    : fault('node', process.versions.node, 'Install Node.js 20.19 or newer.');
}

/** What `serve` would refuse to start with, and no other check has told: the same rules decide. */
function checkSettings(environment: Environment, told: readonly Check[]): Check[] {
  try {
    parseConfig(environment);
    return [ok('service.settings', 'serve starts with them')];
  } catch (error) {
    if (!(error instanceof InvalidConfigurationError)) {
      throw error;
    }
    const known = told.filter(({ status }) => status === 'fault').map(({ found }) => found);
    const rest = error.faults.filter((text) => {
      const name = /^[A-Z_]+/.exec(text)?.[0] ?? text;
      return !known.some((found) => found.includes(name));
    });
    return rest.length === 0
      ? []
      : [
          fault(
            'service.settings',
            rest.join(' '),
            'serve refuses to start: change them as they say.',
          ),
        ];
  }
}

function describe(checks: readonly Check[]): string {
  return checks
    .map(({ name, status, found, mend }) => {
      const line = `${SIGNS[status]}  ${name}: ${found}`;
      return mend === '' ? line : `${line}\n         ${mend}`;
    })
    .join('\n');
}
