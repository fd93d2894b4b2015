import { useEffect, useState } from 'react';
import type { CurrentPlan, Plan } from '../../src/browser/index.ts';
import type { PlanChange } from '../../src/react/index.ts';
import { credits } from '../frame/format.ts';
import { intervalOf, nameOf, priceOf } from '../pricing/plan-facts.ts';

/** Which plan the buyer has chosen, and how many seats of it. */
export type Choice = {
  /** Null while nothing differs from what they have. */
  readonly plan: Plan | null;
  readonly quantity: number;
  choose(plan: Plan): void;
  setQuantity(quantity: number): void;
};

const MAX_SEATS = 9_999;
/** Milliseconds after the last key, so that not every digit of a number asks Stripe. */
const TYPING_MS = 300;

/** Looks at each choice, and at none while it is what the buyer has already. */
export function useChoice(
  { look, reset }: PlanChange,
  of: { current: CurrentPlan; offered: readonly Plan[]; wanted: string | null },
): Choice {
  const { current, offered, wanted } = of;
  const { priceId: mine, subscriptionId: subscription, quantity: had } = current;
  const isOther = (id: string | null) => id !== mine && offered.some((one) => one.priceId === id);
  const [chosen, setChosen] = useState(isOther(wanted) ? wanted : mine);
  const [quantity, setQuantity] = useState(had);
  const differs = chosen !== null && (chosen !== mine || quantity !== had);

  useEffect(() => {
    if (!differs || chosen === null) {
      reset();
      return undefined;
    }
    const input = { priceId: chosen, subscription, ...(quantity === had ? {} : { quantity }) };
    const timer = setTimeout(() => void look(input), quantity === had ? 0 : TYPING_MS);
    return () => clearTimeout(timer);
  }, [differs, chosen, quantity, had, subscription, look, reset]);

  return {
    plan: differs ? (offered.find(({ priceId }) => priceId === chosen) ?? null) : null,
    quantity,
    choose: ({ priceId }) => setChosen(priceId),
    setQuantity,
  };
}

/** The plans, of which one may be chosen; the buyer's own only with another number of seats. */
export function PlanOptions(props: {
  plans: readonly Plan[];
  current: CurrentPlan;
  choice: Choice;
  busy: boolean;
}) {
  const { plans, current, choice, busy } = props;
  return (
    <fieldset className="plan-options" disabled={busy}>
      <legend className="visually-hidden">Plans</legend>
      {plans.map((plan) => (
        <PlanOption key={plan.priceId} plan={plan} current={current} choice={choice} />
      ))}
    </fieldset>
  );
}

function PlanOption(props: { plan: Plan; current: CurrentPlan; choice: Choice }) {
  const { plan, current, choice } = props;
  const { quantity } = choice;
  const isMine = plan.priceId === current.priceId;
  const price = priceOf(plan, quantity);
  return (
    <label className="plan-option" data-mine={isMine ? '' : undefined}>
      <input
        className="plan-radio"
        type="radio"
        name="plan"
        value={plan.priceId}
        disabled={isMine && quantity === current.quantity && choice.plan === null}
        checked={choice.plan?.priceId === plan.priceId}
        onChange={() => choice.choose(plan)}
      />
      <span>
        <strong>{nameOf(plan, quantity)}</strong>{' '}
        {isMine ? <span className="chosen-mark">Your plan</span> : null}
        <span className="about block">
          {credits(Number(plan.credits) * quantity)} a {plan.interval ?? 'month'}
        </span>
      </span>
      <span className="number">
        {price ?? 'Price at Stripe'}{' '}
        <small className="soft">{price === null ? '' : intervalOf(plan)}</small>
      </span>
    </label>
  );
}

/** How many seats; what is typed stands until it is a number that can be asked for. */
export function SeatsField({ choice, busy }: { choice: Choice; busy: boolean }) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <div className="field seats">
      <label htmlFor="seats">Seats</label>
      <input
        id="seats"
        type="number"
        inputMode="numeric"
        min={1}
        max={MAX_SEATS}
        step={1}
        value={typed ?? choice.quantity}
        disabled={busy}
        onChange={({ currentTarget }) => {
          const wanted = currentTarget.valueAsNumber;
          setTyped(currentTarget.value);
          if (Number.isSafeInteger(wanted) && wanted >= 1 && wanted <= MAX_SEATS) {
            choice.setQuantity(wanted);
          }
        }}
        onBlur={() => setTyped(null)}
      />
    </div>
  );
}
