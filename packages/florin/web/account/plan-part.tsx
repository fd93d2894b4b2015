import { type ReactNode, useEffect, useRef, useState } from 'react';
import type {
  Credits,
  CurrentPlan,
  Plan,
  PlanChanged,
  PlanChangePreview,
} from '../../src/browser/index.ts';
import { usePlans, useSubscriptions } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { credits, formatCredits, formatDay, humanize } from '../frame/format.ts';
import { LoadFailed, Notice } from '../frame/notice.tsx';
import { nameOf, offerOf, titleOf } from '../pricing/plan-facts.ts';
import { PlanSheet } from './plan-sheet.tsx';
import { ToBilling } from './to-billing.tsx';

/** Which plan the buyer has, and the way to another one. Nothing for a buyer who has none. */
export function PlanPart({
  version,
  onChanged,
  readOnly,
}: {
  version: string | null;
  onChanged: () => void;
  /** For a member who may see the plan and not change it. */
  readOnly: boolean;
}) {
  const subscriptions = useSubscriptions();
  const plans = usePlans();
  const [changing, setChanging] = useState<CurrentPlan | null>(null);
  const [done, setDone] = useState<Done | null>(null);
  const before = useRef(version);
  const { reload } = subscriptions;
  const wanted = useWanted(subscriptions.data, setChanging);

  // Credits that came may have come with another plan.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` asks for another load.
  useEffect(reload, [version, reload]);
  useUntilBought({ subscriptions: subscriptions.data, version, reload });

  if (subscriptions.data === null) {
    return subscriptions.status === 'error' ? (
      <Part>
        <LoadFailed what="Your plan" error={subscriptions.error} retry={reload} />
      </Part>
    ) : null;
  }
  if (subscriptions.data.length === 0) {
    return null;
  }
  const all = plans.data ?? [];
  return (
    <Part>
      {done === null ? null : <DoneNotice done={done} plans={all} version={version} />}
      <ul className="rows plan-rows">
        {subscriptions.data.map((one) => (
          <PlanRow
            key={one.subscriptionId}
            current={after(one, done)}
            plans={all}
            onChange={readOnly ? null : () => setChanging(after(one, done))}
          />
        ))}
      </ul>
      <PlanSheet
        current={changing}
        wanted={wanted}
        plans={all}
        onClose={() => setChanging(null)}
        onConfirm={() => {
          before.current = version;
        }}
        onChanged={(changed, preview) => {
          setChanging(null);
          setDone({ changed, preview, version: before.current });
          reload();
          onChanged();
        }}
      />
    </Part>
  );
}

const ASK_AGAIN_MS = 2_000;
const MAX_ASKED = 5;

/** Stripe may tell of a subscription a moment after its credits came: who has no plan is asked about a few times more. */
function useUntilBought(of: {
  subscriptions: readonly CurrentPlan[] | null;
  version: string | null;
  reload: () => void;
}): void {
  const { subscriptions, version, reload } = of;
  const asked = useRef({ version, times: 0 });
  useEffect(() => {
    if (asked.current.version !== version) {
      asked.current = { version, times: 0 };
    }
    if (subscriptions?.length !== 0 || asked.current.times >= MAX_ASKED) {
      return;
    }
    const timer = setTimeout(() => {
      asked.current.times += 1;
      reload();
    }, ASK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [subscriptions, version, reload]);
}

/** `?change_to=price_…`: who wanted to buy another plan sees at once what changing to it means. */
function useWanted(
  subscriptions: readonly CurrentPlan[] | null,
  open: (current: CurrentPlan) => void,
): string | null {
  const [wanted] = useState(() => new URLSearchParams(window.location.search).get('change_to'));
  const opened = useRef(false);
  useEffect(() => {
    const [only, ...others] = subscriptions ?? [];
    if (wanted === null || opened.current || only === undefined) {
      return;
    }
    opened.current = true;
    window.history.replaceState(null, '', window.location.pathname);
    if (others.length === 0 && isChangeable(only)) {
      open(only);
    }
  }, [wanted, subscriptions, open]);
  return wanted;
}

function Part({ children }: { children: ReactNode }) {
  return (
    <section className="part plan-part" aria-labelledby="plan-title">
      <h2 id="plan-title">Your plan</h2>
      {children}
    </section>
  );
}

type Done = {
  readonly changed: PlanChanged;
  readonly preview: PlanChangePreview;
  /** The balance's version before it was asked for: another one means that the credits came. */
  readonly version: string | null;
};

/** What was changed just now counts, until the webhooks have told of it. */
function after(current: CurrentPlan, done: Done | null): CurrentPlan {
  return done !== null && done.changed.subscriptionId === current.subscriptionId
    ? { ...current, ...done.changed.to, currentPeriodEnd: done.preview.renewsAt }
    : current;
}

function PlanRow(props: {
  current: CurrentPlan;
  plans: readonly Plan[];
  onChange: (() => void) | null;
}) {
  const { current, plans, onChange } = props;
  const plan = plans.find(({ priceId }) => priceId === current.priceId);
  const { currentPeriodEnd: end, quantity } = current;
  return (
    <li>
      <div>
        <strong className="plan-name">{titleOf(current, plan)}</strong>
        <p className="soft">
          {plan === undefined ? null : `${offerOf(plan, quantity)}. `}
          {describeEnd(current, end)}
        </p>
      </div>
      {onChange === null ? null : isChangeable(current) ? (
        <Button onClick={onChange}>Change plan</Button>
      ) : (
        <ToBilling />
      )}
    </li>
  );
}

function isChangeable(current: CurrentPlan): boolean {
  return current.priceId !== null && !current.cancelAtPeriodEnd && isPaid(current);
}

function isPaid({ status }: CurrentPlan): boolean {
  return status === 'active' || status === 'trialing';
}

function describeEnd(current: CurrentPlan, end: string | null): string {
  if (!isPaid(current)) {
    return current.status === 'paused'
      ? 'It is paused: resume it on the billing page.'
      : 'A payment is open: pay it on the billing page.';
  }
  if (end === null) {
    return '';
  }
  return current.cancelAtPeriodEnd
    ? `Ends on ${formatDay(end)}. Keep it on the billing page.`
    : `Renews on ${formatDay(end)}.`;
}

function movedText(added: Credits, back: Credits): string {
  return back === 0
    ? `${credits(added)} added.`
    : `${credits(added)} added, ${formatCredits(back)} back.`;
}

function DoneNotice(props: { done: Done; plans: readonly Plan[]; version: string | null }) {
  const { changed, preview, version } = props.done;
  const plan = props.plans.find(({ priceId }) => priceId === changed.to.priceId);
  const name =
    plan === undefined ? humanize(changed.to.planType) : nameOf(plan, changed.to.quantity);
  const { added, back } = changed.credits;
  const arrived = props.version !== version || added === back;
  const title = `You are on ${name} now.`;
  if (changed.payment === 'processing') {
    return <Notice title={title}>Your credits follow once your bank has paid.</Notice>;
  }
  if (changed.payment === 'later') {
    return (
      <Notice tone="good" title={title}>
        What it costs and brings comes with your next invoice, on {formatDay(preview.renewsAt)}.
      </Notice>
    );
  }
  return (
    <Notice tone="good" title={title} waiting={!arrived}>
      {arrived ? movedText(added, back) : 'Your credits follow in a moment.'}
    </Notice>
  );
}
