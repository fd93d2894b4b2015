import { z } from 'zod';
import { type Credit, showFields, WHOLE_CREDITS } from '../credit/index.ts';
import type { Context } from '../db/index.ts';
import { backoff, type Clock, check, FlorinError, type Logger, text } from '../kernel/index.ts';
import { signatureOf, verifySignature } from '../stripe/index.ts';
import {
  type Alert,
  claimAlerts,
  markAlertSent,
  noteLowBalances,
  notePassedLimits,
} from './alerts.ts';

/** Takes an alert to the app. What it throws is tried again. */
export type TellAlert = (alert: Alert) => Promise<void>;

export type AlertDeps = Pick<Context, 'db' | 'logger'> & {
  readonly tell: TellAlert;
  /** Credits below which a customer's account is low; null: no such alert. */
  readonly lowBalance: number | null;
  /** The amounts that an alert names are told in credits. Default: they are whole. */
  readonly credit?: Credit;
};

/** What is an amount of credits in an alert's data. */
const AMOUNTS: ReadonlySet<string> = new Set(['available', 'below', 'limit', 'used']);

const ALERT_SIGNATURE_HEADER = 'florin-signature';

const AT_ONCE = 20;
const LEASE_SECONDS = 120;
const TIMEOUT_MS = 10_000;
const MAX_ATTEMPTS = 16;
const GAP_SECONDS = { first: 10, max: 6 * 3_600 };

/**
 * Notes which balances are low and which soft limits were passed, and tells what waits. Each alert is told at least once: one that fails
 * is tried again with growing gaps for about two days, then given up loudly. True: more may wait.
 */
export async function tellAlerts(deps: AlertDeps, limit: number): Promise<boolean> {
  const { db, lowBalance, credit = WHOLE_CREDITS } = deps;
  if (lowBalance !== null) {
    await noteLowBalances(db, { below: lowBalance, limit });
  }
  await notePassedLimits(db, limit);
  const claimed = await claimAlerts(db, { limit: AT_ONCE, leaseSeconds: LEASE_SECONDS });
  await Promise.all(
    claimed.map(async ({ attempts, ...alert }) => {
      const data = showFields(credit, AMOUNTS, alert.data);
      const error = await deps.tell({ ...alert, data }).then(
        () => undefined,
        (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
      );
      await markAlertSent(db, {
        alertId: alert.alertId,
        delivered: error === undefined,
        retryInSeconds: attempts < MAX_ATTEMPTS ? backoff(attempts, GAP_SECONDS) : null,
      });
      report(deps.logger, { alert, attempts, error });
    }),
  );
  return claimed.length === AT_ONCE;
}

/** Posts alerts to an address, signed with the first of the secrets. A 2xx is a receipt. */
export function postAlerts(to: {
  readonly url: string;
  readonly secrets: readonly string[];
  readonly clock: Clock;
}): TellAlert {
  const { url, secrets, clock } = to;
  return async ({ alertId, accountId, type, data, createdAt }) => {
    const body = JSON.stringify({ id: alertId, type, accountId, data, createdAt });
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        [ALERT_SIGNATURE_HEADER]: signatureOf(body, { secret: secrets[0] ?? '', now: clock.now() }),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (!response.ok) {
      throw new FlorinError('internal', `ALERT_URL answered ${response.status}.`);
    }
  };
}

const POSTED = z.object({
  rawBody: z.instanceof(Uint8Array, { error: 'must be the bytes as they came' }),
  header: z.string({ error: 'must be a text, or absent' }).nullish(),
  secrets: z
    .array(text.min(1, { error: 'must not be empty' }), { error: 'must be a list of secrets' })
    .min(1, { error: 'must name a secret' }),
  now: z.date({ error: 'must be an instant' }),
});

/**
 * Whether a posted alert is Florin's: the raw body, the header `florin-signature`, and
 * FLORIN_SECRET_KEY (a list while it is rotated). Refuses what is older than five minutes. Throws
 * `invalid_input` for an empty secret and an invalid date: anybody could pass the check by them. Pure.
 */
export function isAlert(request: {
  rawBody: Uint8Array;
  header: string | null | undefined;
  secrets: readonly string[];
  now: Date;
}): boolean {
  const { header, ...given } = check(POSTED, request);
  return verifySignature({ ...given, header: header ?? undefined }).ok;
}

function report(
  logger: Logger,
  { alert, attempts, error }: { alert: Alert; attempts: number; error: string | undefined },
): void {
  const { alertId, accountId, type } = alert;
  const fields = { alertId, accountId, type, attempts };
  if (error === undefined) {
    logger.info(fields, 'alert delivered');
  } else if (attempts < MAX_ATTEMPTS) {
    logger.warn({ ...fields, error }, 'alert not delivered yet');
  } else {
    logger.error({ ...fields, error }, 'alert given up');
  }
}
