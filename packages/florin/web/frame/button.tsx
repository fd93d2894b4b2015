import type { ComponentProps } from 'react';

export type ButtonProps = ComponentProps<'button'> & {
  primary?: boolean;
  slim?: boolean;
  bare?: boolean;
  /** While true, the button is marked as busy and ignores clicks. */
  busy?: boolean;
};

export function Button(props: ButtonProps) {
  const { primary, slim, bare, busy, className, disabled, type, ...rest } = props;
  return (
    <button
      {...rest}
      type={type ?? 'button'}
      className={classes('button', primary && 'primary', slim && 'slim', bare && 'bare', className)}
      disabled={disabled === true || busy === true}
      aria-busy={busy === true ? true : undefined}
    />
  );
}

export function classes(...names: readonly (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(' ');
}
