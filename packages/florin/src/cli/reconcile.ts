import type { Command } from 'commander';
import { AMOUNT_FIELDS, type Credit, showFields } from '../credit/index.ts';
import { type Finding, type ReconcileReport, reconcile } from '../reconcile/index.ts';
import { readCount } from './arguments.ts';
import { argument, type CommandContext, EXIT, type OutputOptions, print } from './command-line.ts';
import { readEnvironment, withDatabase } from './environment.ts';
import { webhookDeps } from './webhook-deps.ts';

type Options = OutputOptions & { since: number; repair?: boolean; acceptAccount?: boolean };

/** `florin reconcile`: Stripe, billing and the ledger against each other. */
export function addReconcile(program: Command, context: CommandContext): void {
  program
    .command('reconcile')
    .description(
      'Compare Stripe with the ledger: missed events, payments without credits, credits without payments. Exit 1 when something is found and not repaired; what could not be repaired says why.',
    )
    .option('--since <days>', 'how far back; Stripe keeps events for 30', argument(readCount), 30)
    .option('--repair', 'mend what is found, through the same path as the webhook')
    .option(
      '--accept-account',
      'STRIPE_SECRET_KEY is of another Stripe account than before, and that is meant',
    )
    .option('--json', 'print JSON')
    .action((options: Options) =>
      withDatabase(async (db) => {
        const deps = await webhookDeps(db, readEnvironment());
        const { credit } = deps.catalog;
        const report = await reconcile(deps, {
          sinceDays: options.since,
          repair: options.repair ?? false,
          acceptAccount: options.acceptAccount ?? false,
        });
        print(context, { options, value: shown(report, credit), text: describe(report) });
        context.finishWith(report.remaining.length === 0 ? EXIT.done : EXIT.failed);
      }),
    );
}

function shown({ findings, repaired, remaining, failures }: ReconcileReport, credit: Credit) {
  const withoutPayload = ({ repair, ...finding }: Finding) => ({
    ...showFields(credit, AMOUNT_FIELDS, finding),
    repairable: repair !== null,
  });
  return {
    findings: findings.map(withoutPayload),
    repaired,
    remaining: remaining.map(withoutPayload),
    failures,
  };
}

function describe({ findings, repaired, remaining, failures }: ReconcileReport): string {
  if (findings.length === 0 && remaining.length === 0) {
    return 'Stripe, billing and the ledger agree.';
  }
  const mended = new Set(repaired);
  const reasons = new Map(failures.map(({ subject, reason }) => [subject, reason]));
  const next = ({ subject, remedy }: Finding) => {
    const reason = reasons.get(subject);
    return reason === undefined ? `--repair: ${remedy}` : `not repaired: ${reason}`;
  };
  const lines = [...new Map([...findings, ...remaining].map((one) => [one.subject, one])).values()];
  return [
    ...lines.map((finding) =>
      [
        `${finding.kind}${mended.has(finding.subject) ? ' (repaired)' : ''}: ${finding.explanation}`,
        `  ${Object.entries({ account: finding.accountId, ...finding.ids })
          .filter(([, value]) => value !== null)
          .map(([name, value]) => `${name}=${value}`)
          .join(' ')}`,
        ...(mended.has(finding.subject) ? [] : [`  ${next(finding)}`]),
      ].join('\n'),
    ),
    `${findings.length} found, ${repaired.length} repaired, ${remaining.length} left.`,
  ].join('\n');
}
