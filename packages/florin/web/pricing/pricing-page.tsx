import { useState } from 'react';
import type { Plan } from '../../src/browser/index.ts';
import { usePlans } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { credits } from '../frame/format.ts';
import { LoadFailed, Notice, sentence } from '../frame/notice.tsx';
import { useSession } from '../session/context.tsx';
import { SignInSheet } from '../session/sign-in-sheet.tsx';
import { ChoiceBar } from './choice-bar.tsx';
import { PackLines, PlanCards } from './plan-cards.tsx';
import { nameOf, priceText } from './plan-facts.ts';
import { isAlreadySubscribed, type Purchase, usePurchase } from './use-purchase.ts';

/** `/pricing.html`; `?canceled=true&plan=…` after a cancelled checkout. */
export function PricingPage() {
  const plans = usePlans();
  const flow = usePurchase();
  const signedIn = useSession() !== null;
  const [canceled, setCanceled] = useState(readCanceled);
  const all = plans.data ?? [];
  const chosen =
    all.find(({ priceId }) => priceId === flow.chosenId) ??
    (canceled === null ? undefined : planNamed(all, canceled.plan));
  const purchase: Purchase = {
    ...flow,
    chosenId: chosen?.priceId ?? null,
    async putBack() {
      setCanceled(null);
      await flow.putBack();
    },
  };

  return (
    <>
      <main id="content" className="column">
        {canceled === null ? null : (
          <Notice
            title="Checkout was cancelled. Nothing was charged."
            actions={
              <Button slim onClick={() => setCanceled(null)}>
                Dismiss
              </Button>
            }
          >
            {chosen === undefined
              ? 'Choose another plan, or the same again.'
              : `${chosen.name} is still chosen, if you want to go on.`}
          </Notice>
        )}
        <ProblemNotice purchase={purchase} />
        <h1>One credit, one scan.</h1>
        <p className="lead">
          Take a plan and get fresh credits every month, or buy a pack when you need one. Both fill
          the same balance.
        </p>
        {plans.data === null ? (
          <PlansPending plans={plans} />
        ) : (
          <Tariff plans={plans.data} purchase={purchase} signedIn={signedIn} />
        )}
      </main>
      {chosen === undefined ? null : (
        <ChoiceBar plan={chosen} purchase={purchase} signedIn={signedIn} />
      )}
      <SignInSheet
        open={purchase.waiting !== null}
        next="continue to payment"
        onClose={purchase.stopWaiting}
        onSignedIn={() => void purchase.signedIn()}
      >
        {purchase.waiting === null ? null : (
          <ToBuy plan={purchase.waiting} quantity={purchase.quantityOf(purchase.waiting)} />
        )}
      </SignInSheet>
    </>
  );
}

function ToBuy({ plan, quantity }: { plan: Plan; quantity: number }) {
  const price = priceText(plan, quantity);
  return (
    <p>
      To buy <strong>{nameOf(plan, quantity)}</strong>, {credits(Number(plan.credits) * quantity)}
      {price === '' ? '' : ` for ${price}`}.
    </p>
  );
}

function Tariff(props: { plans: readonly Plan[]; purchase: Purchase; signedIn: boolean }) {
  const { plans, purchase, signedIn } = props;
  const recurring = plans.filter(({ kind }) => kind === 'recurring');
  const packs = plans.filter(({ kind }) => kind === 'one_time');
  if (plans.length === 0) {
    return (
      <div className="tariff empty">
        <p>Nothing is on sale at the moment.</p>
      </div>
    );
  }
  return (
    <>
      {recurring.length === 0 ? null : (
        <section className="tariff" aria-labelledby="plans-title">
          <div className="tariff-head">
            <h2 id="plans-title">Every month</h2>
            <p className="soft">Cancel whenever you like; what you have stays yours.</p>
          </div>
          <PlanCards plans={recurring} purchase={purchase} signedIn={signedIn} />
        </section>
      )}
      {packs.length === 0 ? null : (
        <section className="tariff" aria-labelledby="packs-title">
          <div className="tariff-head">
            <h2 id="packs-title">Once</h2>
            <p className="soft">No subscription. On top of a plan, or without one.</p>
          </div>
          <PackLines plans={packs} purchase={purchase} signedIn={signedIn} />
        </section>
      )}
      <section className="fine" aria-label="How credits work">
        <div>
          <h3>What a credit buys</h3>
          <p>One page read; with vision a page takes three. What cannot be read costs nothing.</p>
        </div>
        <div>
          <h3>Which are used first</h3>
          <p>Always the credits that expire soonest, so that none are lost while others wait.</p>
        </div>
        <div>
          <h3>When they arrive</h3>
          <p>As soon as the payment is settled: at once with a card, in days by bank transfer.</p>
        </div>
      </section>
    </>
  );
}

function PlansPending({ plans }: { plans: ReturnType<typeof usePlans> }) {
  if (plans.status === 'error') {
    return (
      <div className="tariff">
        <LoadFailed what="The plans" error={plans.error} retry={plans.reload} />
      </div>
    );
  }
  return (
    <div className="tariff" role="status">
      <span className="visually-hidden">Loading the plans</span>
      <div className="plans" aria-hidden="true">
        {['a', 'b', 'c'].map((key) => (
          <div key={key} className="plan">
            <span className="skeleton" />
            <span className="skeleton credits" />
            <span className="skeleton facts" />
            <span className="skeleton" />
          </div>
        ))}
      </div>
    </div>
  );
}

function ProblemNotice({ purchase }: { purchase: Purchase }) {
  const { failed } = purchase;
  if (failed !== null && isAlreadySubscribed(failed.error)) {
    return (
      <Notice
        tone="warn"
        title="You have a subscription already."
        actions={
          <a className="button slim" href={changeAddress(failed.priceId)}>
            Change my plan
          </a>
        }
      >
        Change it instead of buying a second one: the difference is charged or credited for you.
      </Notice>
    );
  }
  return failed !== null && failed.priceId === null ? (
    <Notice tone="bad" title={sentence(failed.error)} />
  ) : null;
}

/** The account page, with the sheet open on the plan that was wanted. */
function changeAddress(priceId: string | null): string {
  return priceId === null ? '/index.html' : `/index.html?change_to=${encodeURIComponent(priceId)}`;
}

function readCanceled(): { plan: string | null } | null {
  const query = new URLSearchParams(window.location.search);
  return query.get('canceled') === 'true' ? { plan: query.get('plan') } : null;
}

/** The address names a price, or a plan type: a type that several share names none of them. */
function planNamed(plans: readonly Plan[], name: string | null): Plan | undefined {
  const found = plans.filter(({ priceId, planType }) => priceId === name || planType === name);
  return found.length === 1 ? found[0] : undefined;
}
