import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { type SearchText, showAccount } from '../console/index.ts';
import type { Credit } from '../credit/index.ts';
import type { Database } from '../db/index.ts';
import { FlorinError, randomIds } from '../kernel/index.ts';
import {
  adjust,
  type BalanceItem,
  type Entry,
  explainBalance,
  issueGrant,
  listEntries,
  listGrants,
  readBalance,
  transfer,
} from '../ledger/index.ts';
import { resolveAccount } from './account-name.ts';
import {
  readAccountId,
  readAccountName,
  readActor,
  readCount,
  readCredits,
  readDate,
  readReason,
  readSignedCredits,
} from './arguments.ts';
import { argument, type CommandContext, type OutputOptions, print, table } from './command-line.ts';
import { type CliCredits, withCreditDatabase } from './credits.ts';

type ShowOptions = OutputOptions & { limit: number };
type GrantOptions = OutputOptions & {
  actor?: string;
  key?: string;
  reason: string;
  note?: string;
  expiresAt?: Date;
  priority?: number;
};
type AdjustOptions = OutputOptions & {
  actor?: string;
  key?: string;
  reason: string;
  note?: string;
};

const WRITES = { writes: true };

const REASON = 'why; kept in the ledger, and the buyer reads it';
const NOTE = 'an internal note, kept in the ledger; no buyer reads it';
const ACTOR = 'who decided it; kept in the ledger; default: the user of this machine';

/** `florin account show|grant|adjust|transfer`: one account, for the operator. */
export function addAccount(program: Command, context: CommandContext): void {
  const account = program
    .command('account')
    .description(
      'Look at one account, give it credits, adjust it, or move its credits to another.',
    );

  account
    .command('show')
    .description(
      'Show why an account has the balance that it has: each grant, and the newest entries.',
    )
    .argument(
      '<account>',
      "its uuid, its e-mail address at Stripe, or any id of Stripe's: cus_…, pi_…, in_…, evt_…",
      argument(readAccountName),
    )
    .option('--limit <count>', 'entries at most', argument(readCount), 20)
    .option('--json', 'print JSON')
    .action((name: SearchText, options: ShowOptions) =>
      withCreditDatabase(
        async (db, credits) =>
          show({ db, credits, accountId: await resolveAccount(db, name), options, context }),
        { writes: false },
      ),
    );

  account
    .command('grant')
    .description('Give credits: a gift, a goodwill, a migration from another system.')
    .argument('<account>', 'its uuid', argument(readAccountId))
    .argument('<credits>', 'above 0, with as many decimals as credits have', argument(readCredits))
    .requiredOption('--reason <text>', REASON, argument(readReason))
    .option('--note <text>', NOTE)
    .option('--actor <name>', ACTOR, argument(readActor))
    .option('--key <key>', 'repeating with the same key gives once; default: a new one each time')
    .option('--expires-at <time>', 'when what is left of it ends', argument(readDate))
    .option('--json', 'print JSON')
    .action((accountId: string, amount: string, options: GrantOptions) =>
      withCreditDatabase(async (db, { read, show }) => {
        const granted = await issueGrant(db, {
          accountId,
          amount: read(amount),
          idempotencyKey: options.key ?? `cli:${randomIds.uuid()}`,
          source: 'manual',
          ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
          metadata: {
            reason: options.reason,
            actor: options.actor ?? whoRunsThis(),
            ...(options.note === undefined ? {} : { internal_note: options.note }),
          },
        });
        const value = show(granted);
        const text = `${granted.replayed ? 'Given before' : 'Given'}: ${amount} credits as grant ${granted.grantId}. Available: ${value.available}.`;
        print(context, { options, value, text });
      }, WRITES),
    );

  account
    .command('adjust')
    .description('Correct a balance up or down, with a reason and who did it. Write -10 after --.')
    .argument('<account>', 'its uuid', argument(readAccountId))
    .argument('<credits>', 'signed: +10 or -10', argument(readSignedCredits))
    .requiredOption('--reason <text>', REASON, argument(readReason))
    .option('--note <text>', NOTE)
    .option('--actor <name>', ACTOR, argument(readActor))
    .option('--key <key>', 'repeating with the same key adjusts once; default: a new one each time')
    .option('--json', 'print JSON')
    .action((accountId: string, amount: string, options: AdjustOptions) =>
      withCreditDatabase(async (db, { read, show }) => {
        const adjusted = await adjust(db, {
          accountId,
          amount: read(amount),
          idempotencyKey: options.key ?? `cli:${randomIds.uuid()}`,
          reason: options.reason,
          actor: options.actor ?? whoRunsThis(),
          internalNote: options.note,
        });
        const value = show(adjusted);
        const text = `${adjusted.replayed ? 'Adjusted before' : 'Adjusted'} by ${amount}. Available: ${value.available}.`;
        print(context, { options, value, text });
      }, WRITES),
    );

  account
    .command('transfer')
    .description('Move credits that were bought to another account. A refund finds them there.')
    .argument('<from>', 'the uuid of the account that gives', argument(readAccountId))
    .argument('<to>', 'the uuid of the one that gets them', argument(readAccountId))
    .argument('<credits>', 'a whole number above 0', argument(readCredits))
    .requiredOption(
      '--reason <text>',
      'why; kept in the ledger, and both read it',
      argument(readReason),
    )
    .option('--actor <name>', ACTOR, argument(readActor))
    .option('--key <key>', 'repeating with the same key moves once; default: a new one each time')
    .option('--json', 'print JSON')
    .action((from: string, to: string, amount: string, options: AdjustOptions) =>
      withCreditDatabase(async (db, { read, show }) => {
        const moved = await transfer(db, {
          from,
          to,
          amount: read(amount),
          idempotencyKey: options.key ?? `cli:${randomIds.uuid()}`,
          reason: options.reason,
          actor: options.actor ?? whoRunsThis(),
        });
        const value = show(moved);
        const text = `${moved.replayed ? 'Moved before' : 'Moved'}: ${amount} credits to ${to}. ${from} has ${value.available} available.`;
        print(context, { options, value, text });
      }, WRITES),
    );
}

async function show(shown: {
  db: Database;
  credits: CliCredits;
  accountId: string;
  options: ShowOptions;
  context: CommandContext;
}): Promise<void> {
  const { db, credits, accountId, options, context } = shown;
  // First what settles the account, so that all that follows is one state.
  const items = await explainBalance(db, accountId);
  const found = await Promise.all([
    readBalance(db, accountId),
    listGrants(db, accountId),
    listEntries(db, { accountId, limit: options.limit }),
    showAccount(db, accountId),
  ]);
  const [balance, grants, entries] = [
    credits.show(found[0]),
    credits.show(found[1]),
    credits.show(found[2]),
  ];
  const explained = credits.show(items);
  const known = found[3];
  const { customerId = null, closedAt = null } = known ?? {};
  const { posted, held, available } = balance;
  const about = [
    ...(known === undefined ? ['no ledger yet: nothing was granted and nothing bought'] : []),
    ...(customerId === null ? [] : [`customer ${customerId}`]),
    ...(closedAt === null ? [] : [`closed ${closedAt.toISOString()}`]),
  ];
  const text = [
    `${accountId}: ${available} available (${posted} posted, ${held} held)`,
    ...(about.length === 0 ? [] : [about.join(', ')]),
    '',
    table(GRANT_HEADINGS, [...explained.map(explain), sumOf(items, credits.credit)]),
    '',
    table(
      ['no', 'kind', 'amount', 'after', 'when', 'key', 'why'],
      entries.map((entry) => [
        String(entry.entryNo),
        entry.kind,
        String(entry.amount),
        String(entry.postedAfter),
        entry.createdAt.toISOString(),
        entry.idempotencyKey ?? '',
        whyAndWho(entry),
      ]),
    ),
  ].join('\n');
  const value = { accountId, customerId, closedAt, balance, explained, grants, entries };
  print(context, { options, value, text });
}

const GRANT_HEADINGS = [
  ...[
    'grant',
    'reason',
    'amount',
    'spent',
    'held',
    'expired',
    'voided',
    'reversed',
    'moved',
    'left',
  ],
  'expires',
];

/** A user that the machine has no name for (a container's number) has to say it. */
function whoRunsThis(): string {
  try {
    return readActor(userInfo().username);
  } catch {
    throw new FlorinError('invalid_input', 'Say who decided it: --actor <name>.');
  }
}

function whyAndWho({ metadata }: Entry): string {
  const { reason, actor, internal_note: note } = metadata ?? {};
  return [
    reason,
    actor === undefined ? undefined : `(by ${actor})`,
    note === undefined ? undefined : `[${note}]`,
  ]
    .filter((part) => typeof part === 'string')
    .join(' ');
}

/** One line of the answer to "why does he have 37?". */
function explain(item: BalanceItem): string[] {
  const { amount, spent, reserved, expired, voided, reversed, moved, contributes, metadata } = item;
  const reason = metadata?.['reason'];
  return [
    item.grantId ?? item.item,
    typeof reason === 'string' ? reason : (item.source ?? ''),
    ...[amount, spent, reserved, expired, voided, reversed, moved].map((each) =>
      String(each ?? ''),
    ),
    item.item === 'scheduled' ? '0 (not yet)' : String(contributes),
    item.grantId === null ? '' : (item.expiresAt?.toISOString() ?? 'never'),
  ];
}

function sumOf(items: readonly BalanceItem[], credit: Credit): string[] {
  const sum = items.reduce((total, { contributes }) => total + contributes, 0);
  return ['available', '', '', '', '', '', '', '', '', credit.text(sum), ''];
}
