import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import type { Plan, TopUp, TopUpConsent, TopUpState } from '../../src/browser/index.ts';
import { formatMoney, useFlorin, useLoaded, usePlans } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { credits, times } from '../frame/format.ts';
import { LoadFailed, Notice, sentence } from '../frame/notice.tsx';
import { TopUpForm } from './top-up-form.tsx';

/** Auto top-up: what the buyer agreed to, what waits for them, and the way to change it. */
export function TopUpPart({ version }: { version: string | null }) {
  const client = useFlorin();
  const state = useLoaded(useCallback(() => client.topUp(), [client]));
  const plans = usePlans();
  const [changed, setChanged] = useState<TopUpState | null>(null);
  const { reload } = state;

  // A balance that changed may have been topped up.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` asks for another load.
  useEffect(() => {
    setChanged(null);
    reload();
  }, [version, reload]);

  const shown = changed ?? state.data;
  if (shown === null) {
    return state.status === 'error' ? (
      <Part>
        <LoadFailed what="Auto top-up" error={state.error} retry={reload} />
      </Part>
    ) : null;
  }
  if (shown.offers.length === 0 && (shown.consent === null || shown.consent.status === 'off')) {
    return null;
  }
  return (
    <Part>
      <Agreement state={shown} plans={plans.data ?? []} onChange={setChanged} />
    </Part>
  );
}

function Part({ children }: { children: ReactNode }) {
  return (
    <section className="part top-up-part" aria-labelledby="top-up-title">
      <h2 id="top-up-title">Auto top-up</h2>
      {children}
    </section>
  );
}

type Changing = {
  readonly busy: boolean;
  readonly error: unknown;
  run(work: () => Promise<TopUpState | null>): Promise<void>;
};

/** Runs one change at a time, and shows its message until the next one. */
function useChange(onChange: (state: TopUpState) => void): Changing {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = useCallback(
    async (work: () => Promise<TopUpState | null>) => {
      setBusy(true);
      setError(null);
      try {
        const state = await work();
        if (state !== null) {
          onChange(state);
        }
      } catch (failure) {
        setError(failure);
      } finally {
        setBusy(false);
      }
    },
    [onChange],
  );
  return { busy, error, run };
}

function Agreement(props: {
  state: TopUpState;
  plans: readonly Plan[];
  onChange: (state: TopUpState) => void;
}) {
  const { state, plans, onChange } = props;
  const client = useFlorin();
  const { busy, error, run } = useChange(onChange);
  const [editing, setEditing] = useState(false);
  useSavedCard(run);

  const { consent } = state;
  const isOn = consent !== null && consent.status !== 'off';
  const toCard = async () => {
    window.location.assign((await client.saveCard()).url);
    return null;
  };
  const failure =
    error === null ? null : (
      <p className="form-error small" role="alert">
        {sentence(error)}
      </p>
    );

  if (!isOn || editing) {
    return (
      <>
        <TopUpForm
          state={state}
          plans={plans}
          busy={busy}
          onCancel={editing ? () => setEditing(false) : null}
          onAgree={(terms) =>
            run(async () => {
              const agreed = await client.agreeToTopUp(terms);
              setEditing(false);
              return agreed.consent?.pauseReason === 'no_payment_method' ? toCard() : agreed;
            })
          }
        />
        {failure}
      </>
    );
  }
  const waiting = state.topUps.find(({ payUrl }) => payUrl !== null);
  const declined = consent.status === 'active' && state.topUps[0]?.status === 'failed';
  return (
    <>
      {waiting === undefined ? null : <Confirm topUp={waiting} />}
      {consent.status === 'paused' ? (
        <Paused
          consent={consent}
          busy={busy}
          onSaveCard={() => void run(toCard)}
          onResume={() => void run(() => client.resumeTopUp())}
        />
      ) : null}
      {declined ? (
        <Notice tone="warn" title="The last top-up did not go through.">
          Nothing was charged. It is tried again later with the same card, or at once with another
          one.
        </Notice>
      ) : null}
      <Terms consent={consent} />
      <div className="actions">
        <Button busy={busy} onClick={() => setEditing(true)}>
          Change
        </Button>
        <Button busy={busy} onClick={() => void run(toCard)}>
          Use another card
        </Button>
        <Button bare busy={busy} onClick={() => void run(() => client.stopTopUp())}>
          Turn off
        </Button>
      </div>
      {failure}
    </>
  );
}

/** Resumes top-up, once, on the return from the page that saves a card. */
function useSavedCard(run: Changing['run']): void {
  const client = useFlorin();
  const done = useRef(false);
  useEffect(() => {
    const query = new URLSearchParams(window.location.search);
    if (done.current || query.get('top_up') !== 'card_saved') {
      return;
    }
    done.current = true;
    void run(async () => {
      const resumed = await client.resumeTopUp(query.get('session_id'));
      window.history.replaceState(null, '', window.location.pathname);
      return resumed;
    });
  }, [client, run]);
}

function Terms({ consent }: { consent: TopUpConsent }) {
  const { threshold, amountMinor, currency, maxPerMonth, paymentMethod } = consent;
  return (
    <p>
      {consent.status === 'active' ? <strong>On. </strong> : null}
      Below {credits(threshold)}, buy {credits(consent.credits)} for{' '}
      {formatMoney(amountMinor, currency)}, at most {times(maxPerMonth)} a month.
      {paymentMethod === null ? null : <span className="soft"> Charged to {paymentMethod}.</span>}
    </p>
  );
}

function Confirm({ topUp }: { topUp: TopUp }) {
  return (
    <Notice
      tone="warn"
      title="Your bank asks you to confirm a top-up."
      actions={
        <a className="button slim" href={topUp.payUrl ?? ''}>
          Confirm the payment
        </a>
      }
    >
      {credits(topUp.credits)} for {formatMoney(topUp.amountMinor, topUp.currency)}. Nothing is
      charged until you do; after three days it is withdrawn.
    </Notice>
  );
}

const WHY: Readonly<Record<string, string>> = {
  no_payment_method: 'There is no saved card to charge.',
  card_declined: 'Your card was declined. Nothing was charged.',
  authentication_required: 'Your bank wanted you to confirm a payment. Nothing was charged.',
  price_changed: 'The price has changed. Agree to the new one, or turn top-up off.',
  stripe_rejected: 'The payment could not be made. Nothing was charged.',
  account_closed: 'This account is closed.',
  debt: 'Your balance is below zero, because money went back. Buy credits to settle it first.',
  disputed: 'A payment of this account is disputed with the bank.',
};

function Paused(props: {
  consent: TopUpConsent;
  busy: boolean;
  onSaveCard: () => void;
  onResume: () => void;
}) {
  const { consent, busy, onSaveCard, onResume } = props;
  const reason = consent.pauseReason ?? '';
  const needsCard = reason === 'no_payment_method' || reason === 'card_declined';
  return (
    <Notice
      tone="warn"
      title="Auto top-up is paused."
      actions={
        reason === 'price_changed' ? undefined : needsCard ? (
          <Button slim primary busy={busy} onClick={onSaveCard}>
            Save a card
          </Button>
        ) : (
          <Button slim busy={busy} onClick={onResume}>
            Resume
          </Button>
        )
      }
    >
      {WHY[reason] ?? 'Resume it when you are ready.'}
    </Notice>
  );
}
