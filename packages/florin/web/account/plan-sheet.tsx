import { useEffect, useRef } from 'react';
import {
  type CurrentPlan,
  FlorinClientError,
  type Plan,
  type PlanChanged,
  type PlanChangePreview,
} from '../../src/browser/index.ts';
import { formatMoney, type PlanChange, usePlanChange } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { sentence } from '../frame/notice.tsx';
import { Sheet } from '../frame/sheet.tsx';
import { nameOf, titleOf } from '../pricing/plan-facts.ts';
import { PlanOptions, SeatsField, useChoice } from './plan-choice.tsx';
import { PreviewStatement } from './plan-preview.tsx';
import { ToBilling } from './to-billing.tsx';

type Changed = (changed: PlanChanged, preview: PlanChangePreview) => void;

/** Choose another plan, see what it costs and brings, agree. Escape and the cross close it. */
export function PlanSheet(props: {
  /** The plan to change; null: closed. */
  current: CurrentPlan | null;
  /** The price of the plan that is chosen already; null: none. */
  wanted: string | null;
  plans: readonly Plan[];
  onClose: () => void;
  /** The change is asked for now. */
  onConfirm: () => void;
  onChanged: Changed;
}) {
  const { current, plans, onClose } = props;
  return (
    <Sheet
      open={current !== null}
      onClose={onClose}
      titleId="plan-sheet-title"
      title="Change plan"
      wide
    >
      {current === null ? null : plans.length === 0 ? (
        <span className="skeleton preview-skeleton" />
      ) : (
        <Choose {...props} current={current} />
      )}
    </Sheet>
  );
}

type ChooseProps = {
  current: CurrentPlan;
  wanted: string | null;
  plans: readonly Plan[];
  onClose: () => void;
  onConfirm: () => void;
  onChanged: Changed;
};

function Choose({ current, wanted, plans, onClose, onConfirm, onChanged }: ChooseProps) {
  const change = usePlanChange();
  const { changed, preview } = change;
  const mine = plans.find(({ priceId }) => priceId === current.priceId);
  const offered = plans.filter(
    ({ kind, currency }) =>
      kind === 'recurring' && (mine === undefined || currency === mine.currency),
  );
  const done = useRef(onChanged);
  done.current = onChanged;
  useEffect(() => {
    if (changed !== null && preview !== null) {
      done.current(changed, preview);
    }
  }, [changed, preview]);

  const choice = useChoice(change, { current, offered, wanted });
  const bySeat = current.quantity > 1 || (choice.plan ?? mine)?.perSeat === true;
  if (offered.length < 2 && !bySeat) {
    return <p className="soft">There is no other plan to change to at the moment.</p>;
  }
  return (
    <>
      <PlanOptions
        plans={offered}
        current={current}
        choice={choice}
        busy={change.state === 'changing'}
      />
      {bySeat ? <SeatsField choice={choice} busy={change.state === 'changing'} /> : null}
      <div role="status" aria-busy={change.state === 'looking'}>
        {change.renewed ? (
          <p className="renewed">Something has changed meanwhile. This is what it would be now.</p>
        ) : null}
        {preview === null ? (
          <Hint state={change.state} bySeat={bySeat} />
        ) : (
          <PreviewStatement preview={preview} plans={plans} stale={change.state === 'looking'} />
        )}
      </div>
      <div className="sheet-foot">
        <Failure change={change} />
        <div className="actions">
          {preview === null ? null : (
            <Button
              primary
              busy={change.state === 'changing'}
              disabled={change.state === 'looking'}
              onClick={() => {
                onConfirm();
                void change.confirm();
              }}
            >
              {agreeText(preview, plans)}
            </Button>
          )}
          <Button bare onClick={onClose}>
            Keep {titleOf(current, mine)}
          </Button>
        </div>
      </div>
    </>
  );
}

function Hint({ state, bySeat }: { state: PlanChange['state']; bySeat: boolean }) {
  if (state === 'looking') {
    return (
      <>
        <span className="visually-hidden">Computing what it costs</span>
        <span className="skeleton preview-skeleton" />
      </>
    );
  }
  return state === 'error' ? null : (
    <p className="soft">
      Choose a plan{bySeat ? ' or a number of seats' : ''} to see what it costs and what happens to
      your credits.
    </p>
  );
}

function Failure({ change: { error } }: { change: PlanChange }) {
  if (error === null) {
    return null;
  }
  const onBillingPage = error instanceof FlorinClientError && error.details['manage'] !== undefined;
  return (
    <div className="plan-failure">
      <p className="form-error" role="alert">
        {sentence(error)}
      </p>
      {onBillingPage ? <ToBilling /> : null}
    </div>
  );
}

/** What the button does, with the money that it takes. */
function agreeText({ charge, to }: PlanChangePreview, plans: readonly Plan[]): string {
  const plan = plans.find(({ priceId }) => priceId === to.priceId);
  const change = `change to ${plan === undefined ? 'it' : nameOf(plan, to.quantity)}`;
  return charge.when === 'now' && charge.dueMinor > 0
    ? `Pay ${formatMoney(charge.dueMinor, charge.currency)} and ${change}`
    : `C${change.slice(1)}`;
}
