import { isRecord } from './error.ts';
import type { Host } from './host.ts';

/** What the buyer chose, as this browser remembers it: a hint, never a proof. */
export type PlanChoice = {
  readonly priceId: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** ISO 8601 */
  readonly expiresAt: string;
};

export const CHOICE_KEY = 'florin.plan_choice';
export const CHOICE_MINUTES = 15;

export type ChoiceStore = {
  save(choice: PlanChoice): void;
  load(): PlanChoice | null;
  clear(): void;
};

/**
 * Keeps the choice in localStorage, shared by the tabs of one origin, or in this page's memory
 * where storage is blocked or full. It holds no token: who can read it learns a price id only.
 */
export function createChoiceStore(host: Host): ChoiceStore {
  let memory: PlanChoice | null = null;

  function attempt<T>(work: (storage: NonNullable<ReturnType<Host['storage']>>) => T): T | null {
    try {
      const storage = host.storage();
      return storage === null ? null : work(storage);
    } catch {
      return null;
    }
  }

  return {
    save(choice) {
      const stored = attempt((storage) => {
        storage.setItem(CHOICE_KEY, JSON.stringify(choice));
        return true;
      });
      memory = stored === true ? null : choice;
    },
    load() {
      const choice = memory ?? attempt((storage) => parse(storage.getItem(CHOICE_KEY)));
      if (choice !== null && Date.parse(choice.expiresAt) > host.now()) {
        return choice;
      }
      return null;
    },
    clear() {
      memory = null;
      attempt((storage) => storage.removeItem(CHOICE_KEY));
    },
  };
}

function parse(text: string | null): PlanChoice | null {
  const value: unknown = text === null ? null : JSON.parse(text);
  if (
    !isRecord(value) ||
    typeof value['priceId'] !== 'string' ||
    typeof value['expiresAt'] !== 'string'
  ) {
    return null;
  }
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  return {
    priceId: value['priceId'],
    expiresAt: value['expiresAt'],
    metadata: Object.fromEntries(
      Object.entries(metadata).filter(
        (pair): pair is [string, string] => typeof pair[1] === 'string',
      ),
    ),
  };
}
