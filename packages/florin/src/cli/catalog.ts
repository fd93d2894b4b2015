import { createInterface } from 'node:readline/promises';
import { type Command, InvalidArgumentError } from 'commander';
import {
  type Catalog,
  type CheckedPrice,
  checkCatalog,
  loadCatalog,
  type NewPrice,
  pushPrice,
} from '../catalog/index.ts';
import { type ChangedRate, changedRates } from '../charge/index.ts';
import { FlorinError } from '../kernel/index.ts';
import {
  argument,
  type CommandContext,
  EXIT,
  type OutputOptions,
  print,
  UsageError,
} from './command-line.ts';
import { readEnvironment, withDatabase } from './environment.ts';
import { requireStripe } from './stripe.ts';

type CheckOptions = OutputOptions & { currency?: string };
type PushOptions = OutputOptions & {
  currency: string;
  amount?: Map<string, number>;
  yes?: boolean;
};

/** `florin catalog check|push`: the catalogue against Stripe's prices. */
export function addCatalog(program: Command, context: CommandContext): void {
  const group = program.command('catalog').description("The catalogue against Stripe's prices.");
  group
    .command('check')
    .description(
      'Find prices that are missing, archived, or of another currency, interval or lookup_key, and rates in use whose price was changed. Exit 1 when there is one.',
    )
    .option('--currency <code>', 'what all prices should be in', argument(readCurrency))
    .option('--json', 'print JSON')
    .action(async (options: CheckOptions) => {
      const { stripe, catalog } = await open();
      const checked = await checkCatalog(stripe, catalog, { currency: options.currency });
      const rates = await checkRates(catalog);
      const ok = checked.every(({ faults }) => faults.length === 0) && rates.changed.length === 0;
      const prices = checked.flatMap(({ id, faults }) =>
        faults.length === 0
          ? [`${id}: ok`]
          : faults.map(({ fault, explanation }) => `${id}: ${fault}. ${explanation}`),
      );
      const text = [...prices, ...rates.lines].join('\n');
      print(context, {
        options,
        value: { ok, prices: checked, changedRates: rates.changed },
        text,
      });
      context.finishWith(ok ? EXIT.done : EXIT.failed);
    });
  group
    .command('push')
    .description(
      'Create the missing products and prices by lookup_key. Shows what it would do and asks. Never edits a price.',
    )
    .option('--amount <price=minor...>', 'what a missing price costs: price_PACK=500', readAmounts)
    .option('--currency <code>', 'three letters', argument(readCurrency), 'usd')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(async (options: PushOptions) => {
      const { stripe, catalog } = await open();
      const checked = await checkCatalog(stripe, catalog, { currency: options.currency });
      const wanted = wantedPrices(catalog, { checked, options });
      const steps = checked.map((one) => describeStep(one, wanted)).join('\n');
      context.terminal.err(`${steps}\n`);
      if (wanted.length > 0 && options.yes !== true) {
        await confirm();
      }
      const created: { id: string; priceId: string }[] = [];
      for (const one of wanted) {
        created.push({ id: one.price.id, priceId: await pushPrice(stripe, one) });
      }
      const text =
        created.length === 0
          ? 'Nothing to create.'
          : created.map(({ id, priceId }) => `${id}: created ${priceId}`).join('\n');
      print(context, { options, value: { created }, text });
    });
}

/** The rate card against what charges were priced by: a version in use keeps its price. */
async function checkRates(catalog: Catalog): Promise<{ changed: ChangedRate[]; lines: string[] }> {
  if (catalog.usage.size === 0) {
    return { changed: [], lines: [] };
  }
  if (readEnvironment()['DATABASE_URL'] === undefined) {
    const line = 'usage: not compared with the rates in use, since DATABASE_URL is not set.';
    return { changed: [], lines: [line] };
  }
  let changed: ChangedRate[] = [];
  await withDatabase(async (db) => {
    changed = await changedRates(db, catalog.usage);
  });
  const lines = changed.map(({ explanation }) => explanation);
  return { changed, lines: lines.length > 0 ? lines : [`usage: ok, ${catalog.usage.size} meters`] };
}

/** What is to be created; wrong usage, naming each, when the cost of one was not said. */
function wantedPrices(
  catalog: Catalog,
  { checked, options }: { checked: readonly CheckedPrice[]; options: PushOptions },
): NewPrice[] {
  const amounts = options.amount ?? new Map<string, number>();
  const missing = new Set(checked.filter(({ priceId }) => priceId === null).map(({ id }) => id));
  const faults = [
    ...[...amounts.keys()]
      .filter((id) => !checked.some((one) => one.id === id))
      .map((id) => `--amount names ${id}, which is not in the catalogue.`),
    ...[...missing]
      .filter((id) => !amounts.has(id))
      .map(
        (id) => `Stripe has no price ${id}: say what it costs with --amount ${id}=<minor units>.`,
      ),
  ];
  if (faults.length > 0) {
    throw new UsageError(faults.join('\n'));
  }
  return catalog.prices
    .filter(({ id }) => missing.has(id))
    .map((price) => ({
      price,
      unitAmount: amounts.get(price.id) ?? 0,
      currency: options.currency,
    }));
}

/** One line of the difference: `+` will be created, `=` is there, `!` is there and not as it should be. */
function describeStep({ id, priceId, faults }: CheckedPrice, wanted: readonly NewPrice[]): string {
  const made = wanted.find(({ price }) => price.id === id);
  if (made !== undefined) {
    return `+ ${id}: ${made.unitAmount} ${made.currency} (minor units), ${made.price.kind}`;
  }
  return faults.length === 0
    ? `= ${id}: ${priceId}`
    : `! ${id}: ${faults.map(({ explanation }) => explanation).join(' ')} Left as it is.`;
}

async function open() {
  const environment = readEnvironment();
  const { client: stripe } = requireStripe(environment);
  return { stripe, catalog: await loadCatalog(environment['FLORIN_CATALOG']) };
}

/** Asks in the terminal; anything but yes ends the command with nothing created. */
async function confirm(): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new FlorinError(
      'invalid_input',
      'Nothing was created: nobody is there to ask. Repeat it with --yes.',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Create these at Stripe? (yes/no) ');
  terminal.close();
  if (answer.trim().toLowerCase() !== 'yes') {
    throw new FlorinError('invalid_input', 'Nothing was created.');
  }
}

function readCurrency(text: string): string {
  if (!/^[a-z]{3}$/i.test(text)) {
    throw new Error('A currency is three letters: usd.');
  }
  return text.toLowerCase();
}

/** Collects `price=minor units`, however often the option is given. */
function readAmounts(text: string, before?: ReadonlyMap<string, number>): Map<string, number> {
  const [, id, amount] = /^(.+)=(\d{1,12})$/.exec(text) ?? [];
  if (id === undefined || amount === undefined) {
    throw new InvalidArgumentError(`It is written price=minor units, as in price_PACK=500.`);
  }
  return new Map([...(before ?? []), [id, Number(amount)]]);
}
