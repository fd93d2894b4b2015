import { type Command, Option } from 'commander';
import { FlorinError } from '../kernel/index.ts';
import {
  dismissFraudWarning,
  type EventStatus,
  type InboxEvent,
  listEvents,
  type ReplayOutcome,
  replayEvent,
  showEvent,
} from '../webhooks/index.ts';
import { readAccountId, readCount, readDate } from './arguments.ts';
import {
  argument,
  type CommandContext,
  EXIT,
  type OutputOptions,
  print,
  table,
} from './command-line.ts';
import { readEnvironment, withDatabase } from './environment.ts';
import { webhookDeps } from './webhook-deps.ts';

const DONE: ReadonlySet<EventStatus> = new Set(['processed', 'skipped', 'received']);

const STATUSES: readonly EventStatus[] = ['received', 'processed', 'skipped', 'failed', 'dead'];

type ListOptions = OutputOptions & {
  status?: EventStatus;
  attention?: boolean;
  type?: string;
  account?: string;
  before?: Date;
  limit: number;
};

/** `florin events list|show|replay`: the inbox of Stripe's events. */
export function addEvents(program: Command, context: CommandContext): void {
  const events = program
    .command('events')
    .description("Look at Stripe's events in the inbox, and process one again.");

  events
    .command('list')
    .description('List events, newest first.')
    .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
    .option('--attention', 'only those that need someone to look at them')
    .option('--type <type>', 'only of one type: invoice.paid')
    .option('--account <account>', 'only of one account', argument(readAccountId))
    .option('--before <time>', 'only received before', argument(readDate))
    .option('--limit <count>', 'at most', argument(readCount), 50)
    .option('--json', 'print JSON')
    .action((options: ListOptions) =>
      withDatabase(async (db) => {
        const { status, attention, type, account, before, limit } = options;
        const found = await listEvents(db, {
          limit,
          status,
          needsAttention: attention,
          type,
          accountId: account,
          before,
        });
        print(context, { options, value: found, text: describeList(found) });
      }),
    );

  events
    .command('show')
    .description('Show one event: what became of it, its error, its payload.')
    .argument('<event>', 'its id: evt_…')
    .option('--json', 'print JSON')
    .action((eventId: string, options: OutputOptions) =>
      withDatabase(async (db) => {
        const event = await showEvent(db, eventId);
        if (event === undefined) {
          throw unknownEvent(eventId);
        }
        const { payload, body, ...about } = event;
        const kept =
          body === null
            ? ''
            : '\n\nThe payload lacks what jsonb cannot hold. --json has the bytes as they came, in base64: body.';
        const text = `${describeOne(about)}${kept}\n\n${JSON.stringify(payload, undefined, 2)}`;
        const value = { ...event, body: body?.toString('base64') ?? null };
        print(context, { options, value, text });
      }),
    );

  addDismiss(events, context);

  events
    .command('replay')
    .description(
      'Process events again now, whatever became of them. What they granted is not granted twice. Exit 1 when one is not known or fails.',
    )
    .argument('<event...>', 'their ids: evt_…')
    .option('--json', 'print JSON')
    .action((eventIds: string[], options: OutputOptions) =>
      withDatabase(async (db) => {
        const deps = await webhookDeps(db, readEnvironment());
        const outcomes: ({ readonly eventId: string } & ReplayOutcome)[] = [];
        const unknown: string[] = [];
        for (const eventId of eventIds) {
          const outcome = await replayEvent(deps, eventId);
          if (outcome === undefined) {
            unknown.push(eventId);
          } else {
            outcomes.push({ eventId, ...outcome });
          }
        }
        const text = [
          ...outcomes.map(({ eventId, status, reason }) => `${eventId}: ${status}. ${reason}`),
          ...unknown.map((id) => `${id}: not in the inbox`),
        ].join('\n');
        const replayed = outcomes.map(({ eventId }) => eventId);
        print(context, { options, value: { replayed, unknown, outcomes }, text });
        const done = outcomes.every(({ status }) => DONE.has(status));
        context.finishWith(done && unknown.length === 0 ? EXIT.done : EXIT.failed);
      }),
    );
}

function addDismiss(events: Command, context: CommandContext): void {
  events
    .command('dismiss')
    .description(
      'Dismiss an early fraud warning by hand: the credits that it froze are given back (catalogue: earlyFraudWarnings).',
    )
    .argument('<warning>', 'its id: issfr_…')
    .option('--json', 'print JSON')
    .action((warningId: string, options: OutputOptions) =>
      withDatabase(async (db) => {
        const deps = await webhookDeps(db, readEnvironment());
        const { status, reason } = await dismissFraudWarning(deps, warningId);
        const value = { warningId, status, reason };
        print(context, { options, value, text: `${warningId}: ${status}. ${reason}` });
        context.finishWith(status === 'failed' || status === 'dead' ? EXIT.failed : EXIT.done);
      }),
    );
}

function unknownEvent(eventId: string): FlorinError {
  return new FlorinError(
    'not_found',
    `${eventId} is not in the inbox. If Stripe has it, \`florin reconcile --repair\` brings it in.`,
    { details: { eventId } },
  );
}

function describeList(events: readonly InboxEvent[]): string {
  if (events.length === 0) {
    return 'No events.';
  }
  return table(
    ['event', 'type', 'status', 'attempts', 'received', 'account', 'why'],
    events.map((event) => [
      event.eventId,
      event.type,
      event.needsAttention ? `${event.status} !` : event.status,
      String(event.attempts),
      event.receivedAt.toISOString(),
      event.accountId ?? '',
      event.error ?? event.reason ?? '',
    ]),
  );
}

function describeOne(event: Omit<InboxEvent, never>): string {
  return Object.entries(event)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value instanceof Date ? value.toISOString() : value}`)
    .join('\n');
}
