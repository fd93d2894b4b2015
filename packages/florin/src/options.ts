import { z } from 'zod';
import type { TellAlert } from './alerts/index.ts';
import type { Catalog } from './catalog/index.ts';
import { type Config, type Environment, LOG_LEVELS } from './config.ts';
import { MAX_CREDIT_DECIMALS } from './credit/index.ts';
import { check, InvalidConfigurationError, type Issue, type Logger, text } from './kernel/index.ts';

export type LedgerConfig = {
  /** Postgres with Florin's migrations: Supabase or plain, directly or through a pooler. */
  databaseUrl: string;
  /** Connections at most; default 10. */
  maxConnections?: number;
  /** As in the catalogue: decimals that credits have, 0 to 6. Default 0. The ledger refuses others than its own. */
  credit?: { decimals: number };
  /** Default: says nothing. */
  logger?: Logger;
};

export type FlorinOptions = {
  /** From `defineCatalog`: what each Stripe price grants. */
  catalog: Catalog;
  /** Where the settings come from, usually the process's own. `invalid_configuration` names each fault. */
  environment?: Environment;
  /** The settings themselves, instead. */
  config?: Config;
  /** Default: says nothing. */
  logger?: Logger;
  /**
   * Hears of low balances (catalogue: `lowBalance`) and of top-ups that wait for their buyer, at least
   * once each; if it throws, the alert is tried again. Default: posted to ALERT_URL, where that is set.
   */
  onAlert?: TellAlert;
  /** True in `florin dev` only: pages may offer what is only for show. */
  development?: boolean;
};

const isFunction = (value: unknown) => typeof value === 'function';
const isObject = (value: unknown) => typeof value === 'object' && value !== null;
const isCatalog = (value: unknown) =>
  isObject(value) &&
  isFunction((value as Catalog).find) &&
  isObject((value as Catalog).credit) &&
  isFunction((value as Catalog).credit.show);
const isTexts = (value: unknown) =>
  isObject(value) &&
  Object.values(value as object).every((one) => one === undefined || typeof one === 'string');
const isLogger = (value: unknown) =>
  isObject(value) &&
  ['error', 'warn', 'info', 'debug'].every((name) =>
    isFunction((value as Record<string, unknown>)[name]),
  );

const logger = z
  .custom<Logger>(isLogger, { error: 'must have the functions error, warn, info and debug' })
  .optional();
const databaseUrl = text.refine((address) => URL.canParse(address), {
  error: 'must be the address of a Postgres',
});
const wholeFrom = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};
const filled = text.min(1, { error: 'must not be empty' });
const address = text.refine((given) => URL.canParse(given), { error: 'must be an address' });
/** An empty secret is one that everybody knows. */
const secrets = z.array(filled, { error: 'must be a list of secrets' });
const current = secrets.min(1, { error: 'must name a secret' });

/** The shape of what `parseConfig` returns: whoever writes it by hand is told what is not in it. */
const config = z
  .object(
    {
      databaseUrl,
      stripe: z.object({
        secretKey: filled,
        webhookSecrets: current,
        apiBase: address.optional(),
      }),
      supabase: z.object({
        url: address.optional(),
        jwtSecrets: secrets,
        publishableKey: text.optional(),
      }),
      planSessionSecrets: current,
      serverKeys: current,
      appUrl: address,
      allowedOrigins: z.array(text),
      cookieDomain: text.optional(),
      catalogPath: text.optional(),
      port: wholeFrom(0, 65_535),
      metricsPort: wholeFrom(1, 65_535).optional(),
      host: filled,
      logLevel: z.enum(LOG_LEVELS),
      trustedProxies: wholeFrom(0, 10),
      buyerStripeCalls: wholeFrom(1, 10_000),
      alertUrl: address.optional(),
    } satisfies { readonly [Key in keyof Required<Config>]: unknown },
    { error: 'must be an object of settings' },
  )
  .transform((given) => given as Config);

const ledgerConfig = z.object({
  databaseUrl,
  maxConnections: wholeFrom(1, 10_000).optional(),
  credit: z.object({ decimals: wholeFrom(0, MAX_CREDIT_DECIMALS) }).optional(),
  logger,
});

const florinOptions = z.object({
  catalog: z.custom<Catalog>(isCatalog, { error: 'must be what defineCatalog returns' }),
  environment: z
    .custom<Environment>(isTexts, { error: 'must be an object of texts by name' })
    .optional(),
  config: config.optional(),
  logger,
  onAlert: z.custom<TellAlert>(isFunction, { error: 'must be a function' }).optional(),
  development: z.boolean({ error: 'must be true or false' }).optional(),
});

/** Throws `invalid_configuration`, which names each fault. */
export function checkLedgerConfig(given: LedgerConfig): z.infer<typeof ledgerConfig> {
  return check(ledgerConfig, given, toConfigurationError);
}

/** Throws `invalid_configuration`, which names each fault. */
export function checkFlorinOptions(given: FlorinOptions): z.infer<typeof florinOptions> {
  return check(florinOptions, given, toConfigurationError);
}

function toConfigurationError(issues: readonly Issue[]): InvalidConfigurationError {
  return new InvalidConfigurationError(
    issues.map(({ path, message }) => `${path.map(String).join('.') || 'options'}: ${message}`),
  );
}
