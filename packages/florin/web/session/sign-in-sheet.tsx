import { type ReactNode, useEffect, useRef } from 'react';
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
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    const element = dialog.current;
    if (open && element !== null && !element.open) {
      element.showModal();
    } else if (!open && element?.open) {
      element.close();
    }
  }, [open]);

  return (
    <dialog ref={dialog} className="sheet" aria-labelledby="sign-in-title" onClose={onClose}>
      {open ? (
        <div className="sheet-body">
          <div className="sheet-head">
            <h2 id="sign-in-title">Sign in</h2>
            <button type="button" className="close" aria-label="Close" onClick={onClose}>
              ×
            </button>
          </div>
          {children}
          <SignInForm onSignedIn={onSignedIn} {...(next === undefined ? {} : { next })} />
        </div>
      ) : null}
    </dialog>
  );
}
