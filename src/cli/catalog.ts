import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { checkCatalog, loadCatalog, type NewPrice, pushPrice } from '../catalog/index.ts';
import { InvalidConfigurationError } from '../kernel/index.ts';
import { createStripeClient } from '../stripe/index.ts';
import { argument, type CommandContext, EXIT, type OutputOptions, print } from './command-line.ts';
import { readEnvironment } from './environment.ts';

type CheckOptions = OutputOptions & { currency?: string };
type PushOptions = OutputOptions & { currency: string; amount: string[]; yes?: boolean };

/** `florin catalog check|push`: the catalogue against Stripe's prices. */
export function addCatalog(program: Command, context: CommandContext): void {
  const group = program.command('catalog').description("The catalogue against Stripe's prices.");
  group
    .command('check')
    .description('Missing, archived, other currency, interval or lookup_key. Exit 1 when one is.')
    .option('--currency <code>', 'what all prices should be in', argument(readCurrency))
    .option('--json', 'print JSON')
    .action(async (options: CheckOptions) => {
      const { stripe, catalog } = await open();
      const checked = await checkCatalog(stripe, catalog, { currency: options.currency });
      const faulty = checked.filter(({ faults }) => faults.length > 0);
      const text = checked
        .flatMap(({ id, faults }) =>
          faults.length === 0
            ? [`${id}: ok`]
            : faults.map(({ fault, explanation }) => `${id}: ${fault}. ${explanation}`),
        )
        .join('\n');
      print(context, { options, value: { ok: faulty.length === 0, prices: checked }, text });
      context.finishWith(faulty.length === 0 ? EXIT.done : EXIT.failed);
    });
  group
    .command('push')
    .description('Create the missing products and prices by lookup_key. Never edits a price.')
    .requiredOption('--amount <price=minor...>', 'what each missing price costs: price_PACK=500')
    .option('--currency <code>', 'three letters', argument(readCurrency), 'usd')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(async (options: PushOptions) => {
      const { stripe, catalog } = await open();
      const amounts = new Map(options.amount.map(readAmount));
      const checked = await checkCatalog(stripe, catalog, { currency: options.currency });
      const missing = new Set(checked.filter(({ priceId }) => priceId === null).map((o) => o.id));
      const wanted: NewPrice[] = [];
      for (const price of catalog.prices.filter(({ id }) => missing.has(id))) {
        const unitAmount = amounts.get(price.id);
        if (unitAmount === undefined) {
          throw new InvalidConfigurationError([`--amount ${price.id}=<minor units> is missing.`]);
        }
        wanted.push({ price, unitAmount, currency: options.currency });
      }
      const diff = wanted.map(
        ({ price, unitAmount, currency }) =>
          `+ ${price.id}: ${unitAmount} ${currency}, ${price.kind}`,
      );
      context.terminal.err(`${diff.length === 0 ? 'Nothing to create.' : diff.join('\n')}\n`);
      if (wanted.length > 0 && options.yes !== true && !(await confirmed())) {
        context.finishWith(EXIT.failed);
        return;
      }
      const created: { id: string; priceId: string }[] = [];
      for (const one of wanted) {
        created.push({ id: one.price.id, priceId: await pushPrice(stripe, one) });
      }
      const text = created.map(({ id, priceId }) => `${id}: created ${priceId}`).join('\n');
      print(context, { options, value: { created }, text });
    });
}

async function open() {
  const environment = readEnvironment();
  const secretKey = environment['STRIPE_SECRET_KEY'];
  if (secretKey === undefined) {
    throw new InvalidConfigurationError(['STRIPE_SECRET_KEY is missing.']);
  }
  const stripe = createStripeClient({ secretKey, apiBase: environment['STRIPE_API_BASE'] });
  return { stripe, catalog: await loadCatalog(environment['FLORIN_CATALOG']) };
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Create these at Stripe? (yes/no) ');
  terminal.close();
  return answer.trim().toLowerCase() === 'yes';
}

function readCurrency(text: string): string {
  if (!/^[a-z]{3}$/i.test(text)) {
    throw new Error('A currency is three letters: usd.');
  }
  return text.toLowerCase();
}

function readAmount(text: string): readonly [string, number] {
  const [, id, amount] = /^(.+)=(\d{1,12})$/.exec(text) ?? [];
  if (id === undefined || amount === undefined) {
    throw new InvalidConfigurationError([`--amount is written price=minor units, not ${text}.`]);
  }
  return [id, Number(amount)];
}
