import { useCallback, useEffect, useState } from 'react';

export type Loaded<T> = {
  readonly status: 'loading' | 'ready' | 'error';
  /** The last value, which is kept while it is loaded again. */
  readonly data: T | null;
  readonly error: unknown;
  reload(): void;
};

type State<T> = Omit<Loaded<T>, 'reload'>;

/** Loads when first shown, when `load` changes and on `reload`; answers that come too late are dropped. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<State<T>>({ status: 'loading', data: null, error: null });
  const [round, setRound] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` asks for another load.
  useEffect(() => {
    let current = true;
    setState((before) => ({ status: 'loading', data: before.data, error: null }));
    load().then(
      (data) => current && setState({ status: 'ready', data, error: null }),
      (error: unknown) =>
        current && setState((before) => ({ status: 'error', data: before.data, error })),
    );
    return () => {
      current = false;
    };
  }, [load, round]);

  return { ...state, reload: useCallback(() => setRound((count) => count + 1), []) };
}
