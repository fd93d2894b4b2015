import { type FormEvent, useState } from 'react';
import type { Plan, TopUpState, TopUpTerms } from '../../src/browser/index.ts';
import { formatMoney } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { credits, smallestAmount, times } from '../frame/format.ts';
import { useSite } from '../session/context.tsx';

const USUAL_THRESHOLD = 20;
const USUAL_PER_MONTH = 3;
const MAX_PER_MONTH = 100;

type Priced = Plan & { amountMinor: number; currency: string };

/** The terms, in one sentence that the buyer says yes to. */
export function TopUpForm(props: {
  state: TopUpState;
  plans: readonly Plan[];
  busy: boolean;
  onCancel: (() => void) | null;
  onAgree: (terms: TopUpTerms) => Promise<void>;
}) {
  const { state, plans, busy, onCancel, onAgree } = props;
  const { consent, offers } = state;
  const packs = plans.filter(
    (plan): plan is Priced =>
      plan.amountMinor !== null &&
      plan.currency !== null &&
      offers.some(({ priceId }) => priceId === plan.priceId),
  );
  const smallest = smallestAmount(useSite().config.creditDecimals);
  const [priceId, setPriceId] = useState(consent?.priceId ?? '');
  const [typed, setTyped] = useState<string>();
  const [perMonth, setPerMonth] = useState(String(consent?.maxPerMonth ?? USUAL_PER_MONTH));
  const [agreed, setAgreed] = useState(false);

  const pack = packs.find((one) => one.priceId === priceId) ?? packs[0];
  if (pack === undefined) {
    return <p className="soft">Prices cannot be shown at the moment. Try again later.</p>;
  }
  const usual = consent?.threshold ?? Math.min(USUAL_THRESHOLD, Number(pack.credits));
  // As it is typed: an amount of which the first digits are there is not another amount yet.
  const threshold = typed ?? String(usual);
  const most = Number(perMonth);
  const price = formatMoney(pack.amountMinor, pack.currency);

  function submit(event: FormEvent, { amountMinor, currency, priceId: chosen }: Priced) {
    event.preventDefault();
    void onAgree({
      priceId: chosen,
      quantity: 1,
      threshold: Number(threshold),
      maxPerMonth: most,
      amountMinor,
      currency,
    });
  }

  // Changed terms need a new consent.
  const edit = (set: (value: string) => void) => (event: { target: { value: string } }) => {
    set(event.target.value);
    setAgreed(false);
  };

  return (
    <form className="top-up-form" onSubmit={(event) => submit(event, pack)}>
      <p className="soft lead-in">
        Never stop in the middle of a job: credits are bought when they run low.
      </p>
      <div className="fields">
        <div className="field">
          <label htmlFor="top-up-threshold">When credits fall below</label>
          <input
            id="top-up-threshold"
            type="number"
            min={smallest}
            max={pack.credits}
            step={smallest}
            required
            value={threshold}
            onChange={edit(setTyped)}
          />
        </div>
        <div className="field">
          <label htmlFor="top-up-pack">Buy</label>
          <select id="top-up-pack" value={pack.priceId} onChange={edit(setPriceId)}>
            {packs.map((one) => (
              <option key={one.priceId} value={one.priceId}>
                {one.name}: {credits(one.credits)}, {formatMoney(one.amountMinor, one.currency)}
              </option>
            ))}
          </select>
        </div>
        <div className="field">
          <label htmlFor="top-up-most">At most, per month</label>
          <input
            id="top-up-most"
            type="number"
            min={1}
            max={MAX_PER_MONTH}
            step={1}
            required
            value={perMonth}
            onChange={edit(setPerMonth)}
          />
        </div>
      </div>
      <label className="agree">
        <input
          type="checkbox"
          required
          checked={agreed}
          onChange={(event) => setAgreed(event.target.checked)}
        />
        <span>
          Charge my saved card {price}, plus any tax, for {credits(pack.credits)} each time fewer
          than {threshold} are available, at most {times(most)} in a calendar month (
          {formatMoney(pack.amountMinor * (Number.isFinite(most) ? most : 0), pack.currency)}). I
          can turn this off at any time.
        </span>
      </label>
      <div className="actions">
        <Button type="submit" primary busy={busy} disabled={!agreed}>
          {consent === null || consent.status === 'off' ? 'Turn on auto top-up' : 'Agree to this'}
        </Button>
        {onCancel === null ? null : (
          <Button bare onClick={onCancel}>
            Keep it as it is
          </Button>
        )}
      </div>
    </form>
  );
}
