import type { ReactNode } from 'react';
import { Sheet } from '../frame/sheet.tsx';
import { SignInForm } from './sign-in-form.tsx';

/** The sign-in form over the page. Escape and the cross close it; focus returns where it was. */
export function SignInSheet(props: {
  open: boolean;
  onClose: () => void;
  onSignedIn: () => void;
  next?: string;
  children?: ReactNode;
}) {
  const { open, onClose, onSignedIn, next, children } = props;
  return (
    <Sheet open={open} onClose={onClose} titleId="sign-in-title" title="Sign in">
      {children}
      <SignInForm onSignedIn={onSignedIn} {...(next === undefined ? {} : { next })} />
    </Sheet>
  );
}
