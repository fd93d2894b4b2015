import type { ComponentProps, ReactNode } from 'react';
import type { Plan } from '../browser/index.ts';
import { formatCredits, formatMoney } from './money.ts';
import { useCheckout } from './use-checkout.ts';
import { usePlans } from './use-plans.ts';

export type PricingTableProps = Omit<ComponentProps<'ul'>, 'children' | 'onSelect'> & {
  /** Which plans, in which order; default: all, as the catalogue lists them. */
  select?: (plans: readonly Plan[]) => readonly Plan[];
  /** The inside of a card, above its button. */
  renderPlan?: (plan: Plan) => ReactNode;
  /** Called instead of starting a checkout, for example to ask for a sign-in first. */
  onChoose?: (plan: Plan) => void;
  /** The card to mark as chosen (`data-chosen`). */
  chosen?: string | null;
  buttonLabel?: (plan: Plan) => ReactNode;
  fallback?: ReactNode;
  renderError?: (error: unknown, retry: () => void) => ReactNode;
};

/**
 * The catalogue as a list with a button each. Unstyled: style it by `className` or by
 * `data-florin="pricing-table"`, `"plan"`, `"choose"`, with `data-kind`, `data-chosen`, `data-busy`.
 */
export function PricingTable(props: PricingTableProps) {
  const { select, renderPlan, onChoose, chosen, buttonLabel, fallback, renderError, ...list } =
    props;
  const plans = usePlans();
  const checkout = useCheckout();

  if (plans.data === null) {
    return plans.status === 'error'
      ? (renderError?.(plans.error, plans.reload) ?? <PlansFailed retry={plans.reload} />)
      : (fallback ?? null);
  }
  const shown = select?.(plans.data) ?? plans.data;
  const busy = checkout.state === 'starting' || checkout.state === 'leaving';
  return (
    <ul {...list} data-florin="pricing-table">
      {shown.map((plan) => (
        <li
          key={plan.priceId}
          data-florin="plan"
          data-kind={plan.kind}
          data-chosen={plan.priceId === chosen ? '' : undefined}
        >
          {renderPlan?.(plan) ?? <PlanSummary plan={plan} />}
          <button
            type="button"
            data-florin="choose"
            data-busy={busy && checkout.priceId === plan.priceId ? '' : undefined}
            disabled={busy}
            onClick={() => {
              if (onChoose === undefined) {
                void checkout.start({ priceId: plan.priceId });
              } else {
                onChoose(plan);
              }
            }}
          >
            {buttonLabel?.(plan) ?? `Choose ${plan.name}`}
          </button>
          {checkout.state === 'error' && checkout.priceId === plan.priceId ? (
            <p role="alert">
              {checkout.error instanceof Error ? checkout.error.message : 'Failed'}
            </p>
          ) : null}
        </li>
      ))}
    </ul>
  );
}

function PlanSummary({ plan }: { plan: Plan }) {
  return (
    <>
      <h3>{plan.name}</h3>
      <p>{formatCredits(plan.credits)} credits</p>
      {plan.amountMinor === null || plan.currency === null ? null : (
        <p>
          {formatMoney(plan.amountMinor, plan.currency)}
          {plan.interval === null ? '' : ` / ${plan.interval}`}
        </p>
      )}
    </>
  );
}

function PlansFailed({ retry }: { retry: () => void }) {
  return (
    <div role="alert" data-florin="plans-failed">
      <p>The plans could not be loaded.</p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}
