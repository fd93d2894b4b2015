import { type FormEvent, useId, useRef, useState } from 'react';
import { Button } from '../frame/button.tsx';
import { useSite } from './context.tsx';

export type SignInFormProps = {
  /** What happens next, as the button says it; default `Sign in`. */
  readonly next?: string;
  readonly onSignedIn?: () => void;
};

/** Sign in, or create an account with the same two fields. */
export function SignInForm({ next, onSignedIn }: SignInFormProps) {
  const { store, config } = useSite();
  const [creating, setCreating] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [mailed, setMailed] = useState<string | null>(null);
  const email = useRef<HTMLInputElement>(null);
  const id = useId();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const credentials = {
      email: String(fields.get('email')).trim(),
      password: String(fields.get('password')),
    };
    setBusy(true);
    setError(null);
    try {
      const session = creating ? await store.signUp(credentials) : await store.signIn(credentials);
      if (session === null) {
        setMailed(credentials.email);
      } else {
        onSignedIn?.();
      }
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : 'Signing in failed. Try again.');
      email.current?.focus();
    } finally {
      setBusy(false);
    }
  }

  if (config.supabaseUrl === null) {
    return (
      <p className="form-error" role="alert">
        Signing in is not set up on this server.
      </p>
    );
  }
  if (mailed !== null) {
    return (
      <p role="status">
        We sent a link to <strong>{mailed}</strong>. Open it to confirm your account, then come back
        here: your plan is still chosen.
      </p>
    );
  }
  return (
    <form
      className="form"
      onSubmit={submit}
      aria-label={creating ? 'Create an account' : 'Sign in'}
    >
      {error === null ? null : (
        <p className="form-error" role="alert" id={`${id}-error`}>
          {error}
        </p>
      )}
      <div className="field">
        <label htmlFor={`${id}-email`}>Email</label>
        <input
          ref={email}
          id={`${id}-email`}
          name="email"
          type="email"
          autoComplete="username"
          inputMode="email"
          required
          aria-invalid={error === null ? undefined : true}
          aria-describedby={error === null ? undefined : `${id}-error`}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-password`}>Password</label>
        <input
          id={`${id}-password`}
          name="password"
          type="password"
          autoComplete={creating ? 'new-password' : 'current-password'}
          minLength={creating ? 8 : undefined}
          required
          aria-describedby={creating ? `${id}-hint` : undefined}
        />
        {creating ? (
          <span className="hint" id={`${id}-hint`}>
            At least 8 characters.
          </span>
        ) : null}
      </div>
      <Button primary type="submit" busy={busy}>
        {creating ? `Create account${continued(next)}` : `Sign in${continued(next)}`}
      </Button>
      <Button
        bare
        onClick={() => {
          setCreating(!creating);
          setError(null);
        }}
      >
        {creating ? 'I have an account' : 'Create an account instead'}
      </Button>
    </form>
  );
}

function continued(next: string | undefined): string {
  return next === undefined ? '' : ` and ${next}`;
}
