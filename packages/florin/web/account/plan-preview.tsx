import type { Plan, PlanChangePreview } from '../../src/browser/index.ts';
import { formatAmount } from '../../src/react/index.ts';
import { classes } from '../frame/button.tsx';
import { credits, formatCredits, formatDay, formatSigned } from '../frame/format.ts';
import { nameOf, offerOf } from '../pricing/plan-facts.ts';

/** Money as Stripe computes it, beside credits as the ledger will move them. */
export function PreviewStatement(props: {
  preview: PlanChangePreview;
  plans: readonly Plan[];
  /** The next one is being asked for. */
  stale: boolean;
}) {
  const { preview, plans, stale } = props;
  return (
    <div className={classes('preview', stale && 'stale')}>
      <div className="tallies">
        <MoneyTally charge={preview.charge} />
        <CreditsTally preview={preview} />
      </div>
      <p className="soft">
        {describe(preview, plans)}
        {laterText(preview)}
      </p>
      {Number(preview.credits.availableAfter) < 0 ? (
        <p className="debt">
          More is taken back than you have left, because it was used:{' '}
          {credits(-preview.credits.availableAfter)} will be settled by the next ones you get.
        </p>
      ) : null}
    </div>
  );
}

type Charge = PlanChangePreview['charge'];

function MoneyTally({ charge }: { charge: Charge }) {
  const money = (amountMinor: number) => formatAmount(amountMinor, charge.currency);
  const extras: readonly (readonly [string, number])[] = [
    ['Discount', -charge.discountMinor],
    ['Tax', charge.taxMinor],
    ['From your balance', -charge.fromBalanceMinor],
  ];
  const kept = charge.totalMinor < 0;
  return (
    <section aria-labelledby="preview-money">
      <h3 id="preview-money">
        {charge.when === 'now' ? 'Money, now' : `Money, on ${formatDay(charge.date)}`}
      </h3>
      <dl className="tally">
        {charge.lines.map((line) => (
          <div key={`${line.description} ${line.periodStart} ${line.amountMinor}`}>
            <dt>{line.description}</dt>
            <dd className="tally-amount">{money(line.amountMinor)}</dd>
          </div>
        ))}
        {extras
          .filter(([, amount]) => amount !== 0)
          .map(([name, amount]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="tally-amount">{money(amount)}</dd>
            </div>
          ))}
        <div className="sum">
          <dt>{kept ? 'Kept for your next invoices' : 'To pay'}</dt>
          <dd className="tally-amount" data-testid="due">
            {money(kept ? charge.keptMinor : charge.dueMinor)}
          </dd>
        </div>
      </dl>
    </section>
  );
}

function CreditsTally({ preview: { charge, credits: moved } }: { preview: PlanChangePreview }) {
  return (
    <section aria-labelledby="preview-credits">
      <h3 id="preview-credits">
        {charge.when === 'now' ? 'Credits, now' : `Credits, on ${formatDay(charge.date)}`}
      </h3>
      <dl className="tally">
        <div>
          <dt>Available</dt>
          <dd className="tally-amount">{formatCredits(moved.available)}</dd>
        </div>
        <div>
          <dt>Added</dt>
          <dd className="tally-amount">{moved.added === 0 ? '0' : formatSigned(moved.added)}</dd>
        </div>
        <div>
          <dt>Taken back</dt>
          <dd className="tally-amount">{moved.back === 0 ? '0' : formatSigned(-moved.back)}</dd>
        </div>
        <div className="sum">
          <dt>Available after</dt>
          <dd className="tally-amount" data-testid="after">
            {formatCredits(moved.availableAfter)}
          </dd>
        </div>
      </dl>
    </section>
  );
}

/** Months of a yearly plan that are not in the balance yet. */
function laterText({ credits: { laterAdded, laterStopped } }: PlanChangePreview): string {
  const comes = Number(laterAdded) > 0 ? ` ${credits(laterAdded)} more come month by month.` : '';
  const stops =
    Number(laterStopped) > 0
      ? ` ${credits(laterStopped)} of months to come do not come any more.`
      : '';
  return comes + stops;
}

function describe({ to, renewsAt, charge }: PlanChangePreview, plans: readonly Plan[]): string {
  const plan = plans.find(({ priceId }) => priceId === to.priceId);
  if (plan === undefined) {
    return `The next invoice comes on ${formatDay(renewsAt)}.`;
  }
  const name = nameOf(plan, to.quantity);
  const from = charge.when === 'now' ? 'Then' : 'From then on';
  return `${name} begins at once. ${from} ${offerOf(plan, to.quantity)}, next on ${formatDay(renewsAt)}.`;
}
