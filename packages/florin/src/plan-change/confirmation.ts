import { z } from 'zod';
import { type Clock, FlorinError, type IdSource } from '../kernel/index.ts';
import { createSignedTokens, type SignedTokens } from '../plan-session/index.ts';

/**
 * What a buyer was shown, signed: the change that is confirmed is this one, at the moment that was
 * prorated, and for this money and these credits.
 */
export type Shown = {
  readonly account: string;
  readonly subscription: string;
  readonly fromPrice: string;
  readonly fromQuantity: number;
  /** The catalogue's key of the price. */
  readonly price: string;
  readonly quantity: number;
  /** Stripe's `proration_date`, in seconds since 1970; null where nothing is prorated. */
  readonly prorationDate: number | null;
  readonly due: number;
  readonly total: number;
  readonly currency: string;
  readonly added: number;
  readonly back: number;
  readonly laterAdded: number;
  readonly laterStopped: number;
};

export type Confirmations = SignedTokens<Shown>;

/** Long enough to read, and too short to be worth keeping for a better moment. */
export const CONFIRM_SECONDS = 15 * 60;

const MAX_TOKEN = 4_000;

const shown = z.strictObject({
  account: z.string(),
  subscription: z.string(),
  fromPrice: z.string(),
  fromQuantity: z.int(),
  price: z.string(),
  quantity: z.int(),
  prorationDate: z.int().nullable(),
  due: z.int(),
  total: z.int(),
  currency: z.string(),
  added: z.int(),
  back: z.int(),
  laterAdded: z.int(),
  laterStopped: z.int(),
});

/** Tokens that stand for a preview. What is no valid one throws `preview_outdated`. */
export function createConfirmations(options: {
  secrets: readonly string[];
  clock: Clock;
  ids: IdSource;
}): Confirmations {
  return createSignedTokens({
    ...options,
    type: 'florin-plan-preview+jwt',
    audience: 'florin:change-plan',
    seconds: CONFIRM_SECONDS,
    maxLength: MAX_TOKEN,
    claims: shown,
    refuse: (fault, cause) =>
      outdated(
        fault === 'expired'
          ? 'The preview is older than 15 minutes.'
          : 'This is not a preview of this service.',
        cause,
      ),
  });
}

export function outdated(why: string, cause?: unknown): FlorinError {
  const message = `${why} Nothing was changed or charged. Ask for a new preview and confirm that.`;
  return new FlorinError('preview_outdated', message, { cause });
}
