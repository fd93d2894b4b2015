import { type FormEvent, useEffect, useRef, useState } from 'react';
import type { AdminAccount } from '../../src/contract/index.ts';
import { Button } from '../frame/button.tsx';
import {
  addCredits,
  credits,
  formatCredits,
  formatSigned,
  smallestAmount,
} from '../frame/format.ts';
import { sentence } from '../frame/notice.tsx';
import { useSite } from '../session/context.tsx';
import type { AccountChange, AdminApi } from './api.ts';

type Kind = AccountChange['kind'];

/**
 * Credits given or corrected by hand: filled in, looked at with its effect, then confirmed. What is
 * confirmed carries one key from the look on, so that a double click or another try after a lost
 * answer changes the balance once.
 */
export function ChangeForm(props: { api: AdminApi; account: AdminAccount; onDone: () => void }) {
  const { api, account, onDone } = props;
  const [kind, setKind] = useState<Kind>('grant');
  const [amount, setAmount] = useState('');
  const [reason, setReason] = useState('');
  const [note, setNote] = useState('');
  const [proposed, setProposed] = useState<AccountChange | null>(null);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const [error, setError] = useState<unknown>(null);
  const smallest = smallestAmount(useSite().config.creditDecimals);
  const effect = useRef<HTMLParagraphElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const looked = useRef(false);
  /** The change whose outcome is unknown: when it is tried again it keeps its key. */
  const unanswered = useRef<AccountChange | null>(null);

  useEffect(() => {
    if (proposed !== null) {
      effect.current?.focus();
    } else if (looked.current) {
      field.current?.focus();
    }
    looked.current = proposed !== null;
  }, [proposed]);

  function propose(event: FormEvent) {
    event.preventDefault();
    setSaid('');
    setError(null);
    const wanted = {
      kind,
      amount: Number(amount),
      reason: reason.trim(),
      internalNote: note.trim(),
    };
    const last = unanswered.current;
    const same =
      last?.kind === kind &&
      last.amount === wanted.amount &&
      last.reason === wanted.reason &&
      last.internalNote === wanted.internalNote;
    const change = { ...wanted, idempotencyKey: same ? last.idempotencyKey : crypto.randomUUID() };
    unanswered.current = change;
    setProposed(change);
  }

  async function apply(change: AccountChange) {
    setBusy(true);
    setError(null);
    try {
      const { available } = await api.change(account.accountId, change);
      setSaid(`Done. ${credits(available)} available now.`);
      unanswered.current = null;
      setProposed(null);
      setAmount('');
      setReason('');
      setNote('');
      onDone();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className="change-form" onSubmit={propose} aria-label="Change the balance">
      {proposed === null ? (
        <>
          <div className="field">
            <label htmlFor="change-kind">What</label>
            <select
              id="change-kind"
              value={kind}
              onChange={(event) => setKind(event.target.value === 'adjust' ? 'adjust' : 'grant')}
            >
              <option value="grant">Grant: give credits</option>
              <option value="adjust">Adjust: correct up or down</option>
            </select>
          </div>
          <div className="field">
            <label htmlFor="change-amount">Credits</label>
            <input
              id="change-amount"
              ref={field}
              type="number"
              step={smallest}
              min={kind === 'grant' ? smallest : -Number.MAX_SAFE_INTEGER}
              max={Number.MAX_SAFE_INTEGER}
              required
              value={amount}
              onChange={(event) => setAmount(event.target.value)}
            />
          </div>
          <div className="field">
            <label htmlFor="change-reason">Reason, which the buyer reads in their history</label>
            <input
              id="change-reason"
              required
              maxLength={500}
              pattern=".*\S.*"
              autoComplete="off"
              value={reason}
              onChange={(event) => setReason(event.target.value)}
            />
          </div>
          <div className="field">
            <label htmlFor="change-note">Internal note, which operators alone read</label>
            <input
              id="change-note"
              maxLength={500}
              autoComplete="off"
              value={note}
              onChange={(event) => setNote(event.target.value)}
            />
            <p className="soft small">Your name and this note are kept in the ledger.</p>
          </div>
          <Button type="submit">Look at the effect</Button>
        </>
      ) : (
        <>
          <p className="change-effect" tabIndex={-1} ref={effect}>
            <strong>
              {proposed.kind === 'grant' ? 'Grant' : 'Adjust by'} {formatSigned(proposed.amount)}
            </strong>
            : available goes from {formatCredits(account.balance.available)} to{' '}
            {formatCredits(addCredits(account.balance.available, proposed.amount))}.{' '}
            <span className="soft">The buyer reads “{proposed.reason}”.</span>
          </p>
          <div className="toolbar">
            <Button primary busy={busy} onClick={() => void apply(proposed)}>
              {busy ? 'Writing…' : 'Confirm'}
            </Button>
            <Button bare disabled={busy} onClick={() => setProposed(null)}>
              Back
            </Button>
          </div>
        </>
      )}
      <p className="soft small" role="status">
        {said}
      </p>
      {error === null ? null : (
        <p className="form-error small" role="alert">
          {sentence(error)}
        </p>
      )}
    </form>
  );
}
