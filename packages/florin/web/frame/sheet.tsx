import { type ReactNode, useEffect, useRef } from 'react';

/** A dialog over the page, with a title and a cross. Escape and the cross close it; closed it holds nothing. */
export function Sheet(props: {
  open: boolean;
  onClose: () => void;
  /** Of its title: unique on the page. */
  titleId: string;
  title: string;
  wide?: boolean;
  children: ReactNode;
}) {
  const { open, onClose, titleId, title, wide = false, children } = props;
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
    <dialog
      ref={dialog}
      className={wide ? 'sheet wide' : 'sheet'}
      aria-labelledby={titleId}
      onClose={onClose}
    >
      {open ? (
        <div className="sheet-body">
          <div className="sheet-head">
            <h2 id={titleId}>{title}</h2>
            <button type="button" className="close" aria-label="Close" onClick={onClose}>
              ×
            </button>
          </div>
          {children}
        </div>
      ) : null}
    </dialog>
  );
}
