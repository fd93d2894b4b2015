import type { Command } from 'commander';
import type { Database } from '../db/index.ts';
import { randomIds } from '../kernel/index.ts';
import { adjust, issueGrant, listEntries, listGrants, readBalance } from '../ledger/index.ts';
import { readAccountId, readCount, readCredits, readDate, readSignedCredits } from './arguments.ts';
import { argument, type CommandContext, type OutputOptions, print, table } from './command-line.ts';
import { withDatabase } from './environment.ts';

type ShowOptions = OutputOptions & { limit: number };
type GrantOptions = OutputOptions & {
  key?: string;
  reason: string;
  expiresAt?: Date;
  priority?: number;
};
type AdjustOptions = OutputOptions & { key?: string; reason: string; by: string };

/** `florin account show|grant|adjust`: one account, for the operator. */
export function addAccount(program: Command, context: CommandContext): void {
  const account = program
    .command('account')
    .description('Look at one account, give it credits, or adjust it.');

  account
    .command('show')
    .description('The balance, the grants and the newest entries of an account.')
    .argument('<account>', 'its uuid', argument(readAccountId))
    .option('--limit <count>', 'entries at most', argument(readCount), 20)
    .option('--json', 'print JSON')
    .action((accountId: string, options: ShowOptions) =>
      withDatabase((db) => show({ db, accountId, options, context })),
    );

  account
    .command('grant')
    .description('Give credits: a gift, a goodwill, a migration from another system.')
    .argument('<account>', 'its uuid', argument(readAccountId))
    .argument('<credits>', 'a whole number above 0', argument(readCredits))
    .requiredOption('--reason <text>', 'why; kept in the ledger')
    .option('--key <key>', 'repeating with the same key gives once; default: a new one each time')
    .option('--expires-at <time>', 'when what is left of it ends', argument(readDate))
    .option('--json', 'print JSON')
    .action((accountId: string, amount: number, options: GrantOptions) =>
      withDatabase(async (db) => {
        const granted = await issueGrant(db, {
          accountId,
          amount,
          idempotencyKey: options.key ?? `cli:${randomIds.uuid()}`,
          source: 'manual',
          ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
          metadata: { reason: options.reason },
        });
        const text = `${granted.replayed ? 'Given before' : 'Given'}: ${amount} credits as grant ${granted.grantId}. Available: ${granted.available}.`;
        print(context, { options, value: granted, text });
      }),
    );

  account
    .command('adjust')
    .description('Correct a balance up or down, with a reason and who did it. Write -10 after --.')
    .argument('<account>', 'its uuid', argument(readAccountId))
    .argument('<credits>', 'signed: +10 or -10', argument(readSignedCredits))
    .requiredOption('--reason <text>', 'why; kept in the ledger')
    .requiredOption('--by <name>', 'who decided it; kept in the ledger')
    .option('--key <key>', 'repeating with the same key adjusts once; default: a new one each time')
    .option('--json', 'print JSON')
    .action((accountId: string, amount: number, options: AdjustOptions) =>
      withDatabase(async (db) => {
        const adjusted = await adjust(db, {
          accountId,
          amount,
          idempotencyKey: options.key ?? `cli:${randomIds.uuid()}`,
          reason: options.reason,
          actor: options.by,
        });
        const text = `${adjusted.replayed ? 'Adjusted before' : 'Adjusted'} by ${amount}. Available: ${adjusted.available}.`;
        print(context, { options, value: adjusted, text });
      }),
    );
}

async function show(shown: {
  db: Database;
  accountId: string;
  options: ShowOptions;
  context: CommandContext;
}): Promise<void> {
  const { db, accountId, options, context } = shown;
  const [balance, grants, entries] = await Promise.all([
    readBalance(db, accountId),
    listGrants(db, accountId),
    listEntries(db, { accountId, limit: options.limit }),
  ]);
  const { posted, held, available } = balance;
  const text = [
    `${accountId}: ${available} available (${posted} posted, ${held} held)`,
    '',
    table(
      ['grant', 'source', 'amount', 'remaining', 'expires'],
      grants.map((grant) => [
        grant.grantId,
        grant.source,
        String(grant.amount),
        String(grant.remaining),
        grant.expiresAt?.toISOString() ?? 'never',
      ]),
    ),
    '',
    table(
      ['no', 'kind', 'amount', 'after', 'when', 'key'],
      entries.map((entry) => [
        String(entry.entryNo),
        entry.kind,
        String(entry.amount),
        String(entry.postedAfter),
        entry.createdAt.toISOString(),
        entry.idempotencyKey ?? '',
      ]),
    ),
  ].join('\n');
  print(context, { options, value: { accountId, balance, grants, entries }, text });
}
