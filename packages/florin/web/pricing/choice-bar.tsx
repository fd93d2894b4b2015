import type { Plan } from '../../src/browser/index.ts';
import { Button } from '../frame/button.tsx';
import { credits } from '../frame/format.ts';
import { nameOf, priceText } from './plan-facts.ts';
import type { Purchase } from './use-purchase.ts';

/** What is chosen, and the way on. */
export function ChoiceBar(props: { plan: Plan; purchase: Purchase; signedIn: boolean }) {
  const { plan, purchase, signedIn } = props;
  const busy = purchase.busyId !== null;
  const quantity = purchase.quantityOf(plan);
  return (
    <section className="choice" aria-label="Your choice">
      <div className="column">
        <p>
          <strong>{nameOf(plan, quantity)}</strong> · {credits(Number(plan.credits) * quantity)} ·{' '}
          <span className="number">{priceText(plan, quantity)}</span>
        </p>
        <div className="choice-actions">
          <Button bare disabled={busy} onClick={() => void purchase.putBack()}>
            Put back
          </Button>
          <Button primary busy={busy} onClick={() => void purchase.choose(plan)}>
            {signedIn ? 'Continue to payment' : 'Sign in to continue'}
          </Button>
        </div>
      </div>
    </section>
  );
}
