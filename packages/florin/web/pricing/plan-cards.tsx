import { useState } from 'react';
import type { Plan } from '../../src/browser/index.ts';
import { Button } from '../frame/button.tsx';
import { formatCredits } from '../frame/format.ts';
import { sentence } from '../frame/notice.tsx';
import { intervalOf, lifetimeOf, priceOf, unitPriceOf } from './plan-facts.ts';
import type { Purchase } from './use-purchase.ts';

type ListProps = { plans: readonly Plan[]; purchase: Purchase; signedIn: boolean };

/** Subscriptions, side by side. */
export function PlanCards({ plans, purchase, signedIn }: ListProps) {
  return (
    <ul className="plans">
      {plans.map((plan) => (
        <li key={plan.priceId} className="plan" {...chosen(plan, purchase)}>
          <h3>
            {plan.name} <ChosenMark plan={plan} purchase={purchase} />
          </h3>
          <p className="credits">
            {formatCredits(plan.credits)}
            <small>scans a {plan.interval ?? 'month'}</small>
          </p>
          <p className="facts">
            {[plan.description, unitPriceOf(plan), lifetimeOf(plan)].filter(Boolean).join(' · ')}
          </p>
          <div className="plan-foot">
            <Price plan={plan} />
            <ChooseButton
              plan={plan}
              purchase={purchase}
              label={signedIn ? 'Subscribe' : 'Choose'}
            />
          </div>
          <Failed plan={plan} purchase={purchase} className="plan-error" />
        </li>
      ))}
    </ul>
  );
}

/** Packs, as lines of a price list. */
export function PackLines({ plans, purchase, signedIn }: ListProps) {
  return (
    <ul className="packs">
      {plans.map((plan) => (
        <li key={plan.priceId} className="pack" {...chosen(plan, purchase)}>
          <div>
            <h3>
              {plan.name} <ChosenMark plan={plan} purchase={purchase} />
            </h3>
            {plan.description === null ? null : <p className="soft small">{plan.description}</p>}
          </div>
          <p className="credits">
            {formatCredits(Number(plan.credits) * purchase.quantityOf(plan))}
            <span className="visually-hidden"> scans</span>
          </p>
          <p className="unit">{unitPriceOf(plan)}</p>
          <QuantityField plan={plan} purchase={purchase} />
          <Price plan={plan} quantity={purchase.quantityOf(plan)} />
          <ChooseButton plan={plan} purchase={purchase} label={signedIn ? 'Buy' : 'Choose'} />
          <Failed plan={plan} purchase={purchase} className="pack-error" />
        </li>
      ))}
    </ul>
  );
}

function chosen(plan: Plan, purchase: Purchase) {
  return plan.priceId === purchase.chosenId ? { 'data-chosen': '' } : {};
}

function ChosenMark({ plan, purchase }: { plan: Plan; purchase: Purchase }) {
  return plan.priceId === purchase.chosenId ? <span className="chosen-mark">Chosen</span> : null;
}

const MAX_PACKS = 99;

/** Keeps what is typed until it is a number that can be bought. */
function QuantityField({ plan, purchase }: { plan: Plan; purchase: Purchase }) {
  const quantity = purchase.quantityOf(plan);
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <label className="quantity">
      <span aria-hidden="true">×</span>
      <span className="visually-hidden">How many {plan.name}</span>
      <input
        type="number"
        inputMode="numeric"
        min={1}
        max={MAX_PACKS}
        step={1}
        value={typed ?? quantity}
        disabled={purchase.busyId !== null}
        onChange={({ currentTarget }) => {
          const wanted = currentTarget.valueAsNumber;
          setTyped(currentTarget.value);
          if (Number.isSafeInteger(wanted) && wanted >= 1 && wanted <= MAX_PACKS) {
            purchase.setQuantity(plan, wanted);
          }
        }}
        onBlur={() => setTyped(null)}
      />
    </label>
  );
}

function Price({ plan, quantity = 1 }: { plan: Plan; quantity?: number }) {
  const price = priceOf(plan, quantity);
  return price === null ? (
    <p className="price soft small">Price at checkout</p>
  ) : (
    <p className="price">
      {price} <small>{intervalOf(plan)}</small>
    </p>
  );
}

function ChooseButton(props: { plan: Plan; purchase: Purchase; label: string }) {
  const { plan, purchase, label } = props;
  const busy = purchase.busyId === plan.priceId;
  return (
    <Button
      primary={plan.priceId === purchase.chosenId}
      busy={busy}
      disabled={purchase.busyId !== null}
      onClick={() => void purchase.choose(plan)}
    >
      {busy ? 'Opening…' : label}
      <span className="visually-hidden"> {plan.name}</span>
    </Button>
  );
}

function Failed(props: { plan: Plan; purchase: Purchase; className: string }) {
  const { plan, purchase, className } = props;
  return purchase.failed?.priceId === plan.priceId ? (
    <p className={className} role="alert">
      {sentence(purchase.failed.error)}
    </p>
  ) : null;
}
