import type { Pages } from '../../src/react/index.ts';
import { Button } from './button.tsx';
import { sentence } from './notice.tsx';

/** Below a list, newest first: the way to its next page, and why that could not be loaded. */
export function ShowOlder({ error, hasMore, loadingMore, loadMore }: Omit<Pages<never>, 'items'>) {
  return (
    <>
      {error === null ? null : (
        <p className="form-error" role="alert">
          {sentence(error)}
        </p>
      )}
      {hasMore ? (
        <p className="more">
          <Button busy={loadingMore} onClick={() => void loadMore()}>
            Show older
          </Button>
        </p>
      ) : null}
    </>
  );
}
