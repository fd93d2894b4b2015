import type { ReactNode } from 'react';
import { classes } from './button.tsx';

/** A message across the page. Urgent ones interrupt a screen reader, the others wait their turn. */
export function Notice(props: {
  tone?: 'plain' | 'good' | 'warn' | 'bad';
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  /** Shows that something is under way. */
  waiting?: boolean;
}) {
  const { tone = 'plain', title, children, actions, waiting = false } = props;
  return (
    <div className={classes('notice', tone)} role={tone === 'bad' ? 'alert' : 'status'}>
      <div>
        <strong>{title}</strong>
        {children === undefined ? null : <p>{children}</p>}
      </div>
      {actions === undefined ? null : <div className="choice-actions">{actions}</div>}
      {waiting ? <div className="progress" aria-hidden="true" /> : null}
    </div>
  );
}

/** What could not be loaded, why, and the way to try again. */
export function LoadFailed(props: { what: string; error: unknown; retry: () => void }) {
  return (
    <div className="empty" role="alert">
      <p>
        {props.what} could not be loaded. {sentence(props.error)}
      </p>
      <button type="button" className="button" onClick={props.retry}>
        Try again
      </button>
    </div>
  );
}

export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : 'Try again in a moment.';
}
