import type { Command, Effects, KnownState, PaymentState, Purchase } from '../fulfillment/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { lapsedOf, readBalance } from '../ledger/index.ts';
import { readInvoice } from '../stripe/index.ts';
import { previewInvoice } from '../webhooks/index.ts';
import type { Invoice, PlanChangeDeps } from './deps.ts';
import { notChangeable } from './subscription.ts';

/** Whole credits that an invoice brings and takes once it is paid. */
export type CreditsMoved = {
  readonly added: number;
  readonly back: number;
  /** What comes in later months, where a price is dripped, and what does not come any more. */
  readonly laterAdded: number;
  readonly laterStopped: number;
};

export type CreditsShown = CreditsMoved & {
  readonly available: number;
  /** Available after it, if nothing else happens meanwhile; below zero it is debt. */
  readonly availableAfter: number;
};

const NOTHING: CreditsMoved = { added: 0, back: 0, laterAdded: 0, laterStopped: 0 };

/**
 * What the invoice will do to the account's credits, by the decision that its event will bring about
 * (fulfillment), and by what the ledger then does with it. Throws `plan_not_changeable` (`reason`
 * `credits_unknown`) where that cannot be told: nothing is shown that may turn out otherwise.
 */
export async function creditsOf(
  deps: PlanChangeDeps,
  asked: { invoice: Invoice | null; accountId: string; subscriptionId: string },
): Promise<CreditsShown> {
  const { db } = deps;
  const { invoice, accountId } = asked;
  const moved = invoice === null ? NOTHING : await movedBy(deps, { ...asked, invoice });
  const { available } = await readBalance(db, accountId);
  return { ...moved, available, availableAfter: available + moved.added - moved.back };
}

async function movedBy(
  { clock, db, webhooks, logger }: PlanChangeDeps,
  asked: { invoice: Invoice; accountId: string; subscriptionId: string },
): Promise<CreditsMoved> {
  const { invoice, accountId, subscriptionId } = asked;
  const asOf = Math.floor(clock.now().getTime() / 1000);
  const fact = readInvoice(invoice, { asOf });
  const { effects, known } = await previewInvoice(webhooks, {
    ...fact,
    amountPaid: invoice.amount_due,
  });
  const { commands, obstacle } = effects;
  if (obstacle?.code === 'stripe_unavailable') {
    throw new FlorinError('stripe_unavailable', obstacle.message);
  }
  const elsewhere = commands.some((command) => command.accountId !== accountId);
  if (obstacle !== null || elsewhere) {
    const why = obstacle?.message ?? 'The credits would go to another account.';
    logger.error({ accountId, subscriptionId, why }, 'a change of plan cannot be previewed');
    throw notChangeable(subscriptionId, {
      reason: 'credits_unknown',
      message: 'What this change does to your credits cannot be told. Ask the shop to look at it.',
    });
  }
  const taking = new Map<string, number>();
  for (const command of commands) {
    if (command.do === 'reverse') {
      const before = taking.get(command.grantKey) ?? 0;
      taking.set(command.grantKey, before + command.amount);
    }
  }
  const taken = [...taking.values()].reduce((sum, amount) => sum + amount, 0);
  return {
    added: commands.reduce((sum, command) => sum + givenBy(command), 0),
    back: taken - (await lapsedOf(db, { accountId, taking })),
    ...movedLater(effects, known),
  };
}

/** The months of dripped prices that are planned by this invoice, and those of others that it stops. */
function movedLater(
  { payment, relatives = [] }: Effects,
  known: KnownState,
): Pick<CreditsMoved, 'laterAdded' | 'laterStopped'> {
  const before = new Map(known.relatives?.map(({ id, state }) => [id, state]));
  return {
    laterAdded: sumPlanned(payment?.state, ({ credits, returned = 0 }) => credits - returned),
    laterStopped: relatives.reduce((sum, { id, state }) => {
      const returnedBefore = (key: string) => before.get(id)?.purchases[key]?.returned ?? 0;
      return sum + sumPlanned(state, ({ key, returned = 0 }) => returned - returnedBefore(key));
    }, 0),
  };
}

function sumPlanned(state: PaymentState | undefined, of: (one: Purchase) => number): number {
  return Object.values(state?.purchases ?? {})
    .filter(({ standing }) => standing === 'planned')
    .reduce((sum, one) => sum + of(one), 0);
}

/** A rollover brings what expires with the period before it: nothing, while that period runs. */
function givenBy(command: Command): number {
  return command.do === 'issue' || command.do === 'restore' ? command.amount : 0;
}
