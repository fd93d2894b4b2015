import { useCallback, useRef, useState } from 'react';
import {
  FlorinClientError,
  type PlanChanged,
  type PlanChangeInput,
  type PlanChangePreview,
} from '../browser/index.ts';
import { useFlorin } from './provider.tsx';

type Progress = {
  readonly state: 'idle' | 'looking' | 'shown' | 'changing' | 'changed' | 'error';
  /** What was shown last; the old one while the next is asked for. */
  readonly preview: PlanChangePreview | null;
  readonly changed: PlanChanged | null;
  readonly error: unknown;
  /** The change was not carried out, since it would not be as it was shown: this preview is new. */
  readonly renewed: boolean;
};

export type PlanChange = Progress & {
  /** Asks what another plan would cost; of several that are asked for the last is shown. */
  look(input: PlanChangeInput): Promise<void>;
  /** Carries out what is shown. When that is out of date a new preview is shown instead (`renewed`). */
  confirm(): Promise<void>;
  reset(): void;
};

const IDLE: Progress = {
  state: 'idle',
  preview: null,
  changed: null,
  error: null,
  renewed: false,
};

/** A change of plan: looked at first, then carried out as it was shown. */
export function usePlanChange(): PlanChange {
  const client = useFlorin();
  const [progress, setProgress] = useState(IDLE);
  const latest = useRef<PlanChangeInput | null>(null);

  const look = useCallback(
    async (input: PlanChangeInput, renewed = false) => {
      latest.current = input;
      const isLatest = () => latest.current === input;
      setProgress(({ preview }) => ({ ...IDLE, state: 'looking', preview, renewed }));
      try {
        const preview = await client.previewPlan(input);
        if (isLatest()) {
          setProgress({ ...IDLE, state: 'shown', preview, renewed });
        }
      } catch (error) {
        if (isLatest()) {
          setProgress({ ...IDLE, state: 'error', error });
        }
      }
    },
    [client],
  );

  async function confirm(): Promise<void> {
    const { preview } = progress;
    const input = latest.current;
    if (preview === null || input === null || progress.state === 'changing') {
      return;
    }
    setProgress({ ...IDLE, state: 'changing', preview });
    try {
      const changed = await client.changePlan(preview.preview);
      setProgress({ ...IDLE, state: 'changed', preview, changed });
    } catch (error) {
      if (error instanceof FlorinClientError && error.code === 'preview_outdated') {
        await look(input, true);
      } else {
        setProgress({ ...IDLE, state: 'error', preview, error });
      }
    }
  }

  return {
    ...progress,
    look,
    confirm,
    reset: useCallback(() => {
      latest.current = null;
      setProgress(IDLE);
    }, []),
  };
}
