import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { thinEventTypes, webhookEventTypes } from '../webhooks/index.ts';
import { readFolderToBe } from './arguments.ts';
import { argument, type CommandContext, EXIT, type OutputOptions, print } from './command-line.ts';
import { readEnvironment } from './environment.ts';
import { createDestination } from './event-destination.ts';
import { type ProjectFile, projectFiles } from './project-files.ts';

type Options = OutputOptions & { force?: boolean; directory: string; destination?: string };

type Outcome = { readonly path: string; readonly state: 'written' | 'unchanged' | 'differs' };

/** `florin init`: writes the files that a Supabase project needs, and says what remains to do. */
export function addInit(program: Command, context: CommandContext): void {
  program
    .command('init')
    .description(
      'Write the files that a Supabase project needs: migrations, florin.config.ts, .env.example. Files that are there and differ are kept, unless --force.',
    )
    .option('--directory <path>', 'the project', argument(readFolderToBe), '.')
    .option('--force', 'overwrite files that differ')
    .option(
      '--destination <url>',
      'instead: create an event destination of thin events in Stripe for the service at this address, and print its secret once',
    )
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      if (options.destination !== undefined) {
        const value = await createDestination(readEnvironment(), options.destination);
        print(context, { options, value, text: describeDestination(value) });
        return;
      }
      const files = await projectFiles();
      const outcomes: Outcome[] = [];
      for (const file of files) {
        outcomes.push(await place(file, options));
      }
      const kept = outcomes.filter(({ state }) => state === 'differs');
      print(context, {
        options,
        value: {
          files: outcomes,
          stripeEvents: webhookEventTypes(),
          thinEvents: thinEventTypes(),
        },
        text: describe(outcomes),
      });
      context.finishWith(kept.length === 0 ? EXIT.done : EXIT.failed);
    });
}

async function place(file: ProjectFile, options: Options): Promise<Outcome> {
  const path = join(options.directory, file.path);
  const existing = await readFile(path, 'utf8').catch(() => undefined);
  if (existing === file.content) {
    return { path: file.path, state: 'unchanged' };
  }
  if (existing !== undefined && options.force !== true) {
    return { path: file.path, state: 'differs' };
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, file.content);
  return { path: file.path, state: 'written' };
}

function describe(outcomes: readonly Outcome[]): string {
  const kept = outcomes.some(({ state }) => state === 'differs');
  const lines = outcomes.map(({ path, state }) => `${state.padEnd(9)}  ${path}`);
  return `${lines.join('\n')}
${kept ? '\nFiles that differ were kept. Compare them, or overwrite them with --force.\n' : ''}
Next:
  1. Apply the migrations: \`supabase db push\`, or \`npx florin migrate\`.
  2. Put your prices into florin.config.ts, and copy .env.example to .env.
  3. In Stripe, create an endpoint for <your service>/api/stripe/webhook with these events:
${webhookEventTypes()
  .map((type) => `       ${type}`)
  .join('\n')}
     Or, for thin events: \`npx florin init --destination <your service>\`. It creates an event destination
     with the same types, each with v1. before it.
  4. Check everything: \`npx florin doctor\`.
`;
}

function describeDestination({
  id,
  url,
  secret,
}: {
  id: string;
  url: string;
  secret: string;
}): string {
  return `Created ${id}: thin events to ${url}.

Add its secret to STRIPE_WEBHOOK_SECRET (beside another: with a comma between). Stripe shows it only now:
  ${secret}
`;
}
