import { z } from 'zod';
import {
  InvalidConfigurationError,
  isLoopback,
  isPrivateHost,
  type LogLevel,
} from './kernel/index.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything the service is told from outside, read once at its start. */
export type Config = {
  readonly databaseUrl: string;
  readonly stripe: {
    readonly secretKey: string;
    /** Any of these may have signed a delivery. */
    readonly webhookSecrets: readonly string[];
    /** Absent: Stripe itself. */
    readonly apiBase: string | undefined;
  };
  readonly supabase: {
    /** Without a slash at the end. Absent only where a shared secret alone verifies tokens. */
    readonly url: string | undefined;
    /** HS256 tokens are accepted only where this is set. */
    readonly jwtSecrets: readonly string[];
    /** The key that the pages send to Supabase Auth; public by nature. */
    readonly publishableKey: string | undefined;
  };
  /** The first signs plan sessions; all verify them. */
  readonly planSessionSecrets: readonly string[];
  readonly serverKeys: readonly string[];
  /** Where buyers return to, without a slash at the end. */
  readonly appUrl: string;
  /** Origins whose pages may call the service; the one of `appUrl` is always among them. */
  readonly allowedOrigins: readonly string[];
  readonly cookieDomain: string | undefined;
  readonly catalogPath: string | undefined;
  readonly port: number;
  /** Where the figures for Prometheus are; absent: at `/metrics` of `port`, for the server key. */
  readonly metricsPort: number | undefined;
  readonly host: string;
  readonly logLevel: LogLevel;
  /** How many proxies in front of the service append to X-Forwarded-For; 0 trusts nobody. */
  readonly trustedProxies: number;
  /** How many requests a second all buyers together may make this process send to Stripe. */
  readonly buyerStripeCalls: number;
  /** Where alerts of accounts are posted to; absent: nowhere. */
  readonly alertUrl: string | undefined;
};

const DEFAULT_PORT = 4242;
/** A tenth of what Stripe allows a live account a second, and under half of one operation's 25. */
const DEFAULT_BUYER_STRIPE_CALLS = 10;
const MIN_SIGNING_SECRET_BYTES = 32;
const MIN_SERVER_KEY_BYTES = 24;
const MIN_WEBHOOK_SECRET_BYTES = 12;
/** Fewer different characters than this is a pattern, not a secret. */
const MIN_VARIETY = 6;
const MAKE_ONE =
  "Make one: node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"";

/** What examples, tutorials and tired people write where a secret belongs. */
const PLACEHOLDERS =
  /^your[-_ ]|^my[-_ ]?(jwt[-_ ]?)?secret|change[-_ ]?(me|this)|(super|top)[-_ ]secret|^(secret|password|example|placeholder|default)[-_ ]?(key)?\d*$|^<.*>$|x{6}/i;
/** Every local Supabase has this one; it is published, and right only there. */
const LOCAL_SUPABASE_SECRET = 'super-secret-jwt-token-with-at-least-32-characters-long';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * What is wrong with a secret, in words that do not repeat it; undefined when nothing is. One rule
 * for `serve`, which refuses, and `doctor`, which tells.
 */
export function weaknessOf(secret: string, leastBytes: number): string | undefined {
  if (PLACEHOLDERS.test(secret)) {
    return 'is a placeholder from an example';
  }
  if (Buffer.byteLength(secret) < leastBytes) {
    return `is shorter than ${leastBytes} bytes`;
  }
  const variety = new Set(secret).size;
  if (variety < MIN_VARIETY || isRepeated(secret)) {
    return 'repeats itself';
  }
  return /^[\x21-\x7e]+$/.test(secret)
    ? undefined
    : 'holds spaces, control characters or other than ASCII';
}

/** How long each secret must at least be, in bytes. */
export const MIN_SECRET_BYTES: Readonly<Record<string, number>> = {
  JWT_SECRET: MIN_SIGNING_SECRET_BYTES,
  SUPABASE_JWT_SECRET: MIN_SIGNING_SECRET_BYTES,
  FLORIN_SECRET_KEY: MIN_SERVER_KEY_BYTES,
  STRIPE_WEBHOOK_SECRET: MIN_WEBHOOK_SECRET_BYTES,
};

function isRepeated(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

/** A comma-separated list while a secret is rotated: the first is the current one. */
function secretList(name: string, mend: string, form?: { pattern: RegExp; says: string }) {
  return z
    .string({ error: () => `${name} is missing. ${mend}` })
    .transform((text) => text.split(',').map((part) => part.trim()))
    .superRefine((secrets, context) => {
      for (const [index, secret] of secrets.entries()) {
        const which = secrets.length === 1 ? name : `${name} (number ${index + 1} of the list)`;
        const weakness =
          secret === ''
            ? 'is empty'
            : form !== undefined && !form.pattern.test(secret)
              ? form.says
              : secret === LOCAL_SUPABASE_SECRET && name === 'SUPABASE_JWT_SECRET'
                ? undefined
                : weaknessOf(secret, MIN_SECRET_BYTES[name] ?? 0);
        if (weakness !== undefined) {
          context.addIssue({ code: 'custom', message: `${which} ${weakness}. ${mend}` });
        }
      }
    });
}

function address(name: string, mend: string) {
  return z
    .string({ error: () => `${name} is missing. ${mend}` })
    .superRefine((text, context) => {
      const fault = addressFault(text);
      if (fault !== undefined) {
        context.addIssue({ code: 'custom', message: `${name} ${fault}. ${mend}` });
      }
    })
    .transform((text) => text.trim().replace(/\/+$/, ''));
}

const OVER_PLAIN_HTTP =
  'is http:// to a public host: whoever is on the way reads and changes what is sent. Use https://';

/** Plain http is for this machine and its own network. */
function isReadableOnTheWay({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !isPrivateHost(hostname);
}

function addressFault(text: string): string | undefined {
  if (!URL.canParse(text.trim()) || text.includes('\\')) {
    return 'is not an address';
  }
  const { protocol, username, password, search, hash } = new URL(text.trim());
  if (protocol !== 'https:' && protocol !== 'http:') {
    return 'must start with https:// (or http:// on your own machine or network)';
  }
  if (isReadableOnTheWay(new URL(text.trim()))) {
    return OVER_PLAIN_HTTP;
  }
  if (username !== '' || password !== '') {
    return 'must not hold a user name or password';
  }
  return search !== '' || hash !== '' ? 'must not hold a query or fragment' : undefined;
}

function origins(name: string) {
  return z
    .string()
    .default('')
    .transform((text) => text.split(',').map((part) => part.trim().replace(/\/$/, '')))
    .transform((parts) => parts.filter((part) => part !== ''))
    .superRefine((parts, context) => {
      for (const part of parts) {
        if (part.includes('*')) {
          const message = `${name}: ${part} holds a wildcard. Name each origin in full, for example https://shop.example.com.`;
          context.addIssue({ code: 'custom', message });
        } else if (!URL.canParse(part) || new URL(part).origin !== part.toLowerCase()) {
          const message = `${name}: ${part} is not an origin. Write scheme, host and port only, for example https://shop.example.com.`;
          context.addIssue({ code: 'custom', message });
        } else if (isReadableOnTheWay(new URL(part))) {
          const message = `${name}: ${part} ${OVER_PLAIN_HTTP}.`;
          context.addIssue({ code: 'custom', message });
        }
      }
    })
    .transform((parts) => parts.map((part) => part.toLowerCase()));
}

function wholeNumber(name: string, { least, most }: { least: number; most: number }) {
  return z
    .string()
    .superRefine((text, context) => {
      if (!/^\d{1,9}$/.test(text.trim()) || Number(text) < least || Number(text) > most) {
        const message = `${name} must be a whole number from ${least} to ${most}.`;
        context.addIssue({ code: 'custom', message });
      }
    })
    .transform(Number);
}

const schema = z.object({
  DATABASE_URL: z
    .string({
      error: () =>
        'DATABASE_URL is missing. Set it to the connection string of your Postgres (Supabase: Project Settings, Database).',
    })
    .refine((text) => /^postgres(ql)?:$/.test(URL.canParse(text) ? new URL(text).protocol : ''), {
      error:
        'DATABASE_URL is not an address of Postgres: postgresql://user:password@host:5432/database.',
    }),
  STRIPE_SECRET_KEY: z
    .string({
      error: () =>
        'STRIPE_SECRET_KEY is missing. Copy it from Stripe: Developers, API keys (sk_… or a restricted rk_…).',
    })
    .refine((text) => /^(sk|rk)_(test|live)_[\x21-\x7e]+$/.test(text), {
      error:
        'STRIPE_SECRET_KEY is not a secret key of Stripe. Copy the one that starts with sk_ or rk_, not the publishable pk_.',
    }),
  STRIPE_WEBHOOK_SECRET: secretList(
    'STRIPE_WEBHOOK_SECRET',
    'Copy the signing secret of the endpoint from Stripe: Developers, Webhooks.',
    { pattern: /^whsec_/, says: 'does not start with whsec_' },
  ),
  STRIPE_API_BASE: address(
    'STRIPE_API_BASE',
    'Leave it out to use Stripe itself, or name the sandbox, for example http://127.0.0.1:4243.',
  ).optional(),
  SUPABASE_URL: address(
    'SUPABASE_URL',
    'Set it to https://<project>.supabase.co: Project Settings, API.',
  ).optional(),
  SUPABASE_JWT_SECRET: secretList(
    'SUPABASE_JWT_SECRET',
    'Copy it from Supabase: Project Settings, JWT Keys, Legacy JWT secret; or leave it out and use signing keys.',
  ).optional(),
  SUPABASE_PUBLISHABLE_KEY: z.string().optional(),
  JWT_SECRET: secretList('JWT_SECRET', MAKE_ONE),
  FLORIN_SECRET_KEY: secretList('FLORIN_SECRET_KEY', MAKE_ONE),
  APP_URL: address(
    'APP_URL',
    'Set it to where buyers return to, for example https://app.example.com.',
  ),
  ALLOWED_ORIGINS: origins('ALLOWED_ORIGINS'),
  COOKIE_DOMAIN: z
    .string()
    .transform((text) => text.trim().replace(/^\./, '').toLowerCase())
    .refine((text) => /^([a-z0-9-]+\.)+[a-z0-9-]+$/.test(text) && !/^[\d.]+$/.test(text), {
      error:
        'COOKIE_DOMAIN is not a domain. Write the one that your subdomains share, for example example.com, or leave it out.',
    })
    .optional(),
  ALERT_URL: address(
    'ALERT_URL',
    'Set it to the address of your app that takes alerts, or leave it out.',
  ).optional(),
  FLORIN_CATALOG: z.string().optional(),
  PORT: wholeNumber('PORT', { least: 0, most: 65_535 }).default(DEFAULT_PORT),
  METRICS_PORT: wholeNumber('METRICS_PORT', { least: 1, most: 65_535 }).optional(),
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: () => `LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}.` })
    .default('info'),
  TRUSTED_PROXIES: wholeNumber('TRUSTED_PROXIES', { least: 0, most: 10 }).default(0),
  BUYER_STRIPE_CALLS: wholeNumber('BUYER_STRIPE_CALLS', { least: 1, most: 10_000 }).default(
    DEFAULT_BUYER_STRIPE_CALLS,
  ),
});

/** The names of all settings. */
export const SETTINGS: readonly string[] = Object.keys(schema.shape);

/** What no setting alone can say. */
function faultsBetween(env: z.infer<typeof schema>): string[] {
  const faults: string[] = [];
  const isLocal = isLoopback(new URL(env.SUPABASE_URL ?? env.APP_URL).hostname);
  if (env.SUPABASE_JWT_SECRET?.includes(LOCAL_SUPABASE_SECRET) && !isLocal) {
    faults.push(
      "SUPABASE_JWT_SECRET is the published secret of every local Supabase. Use your own project's.",
    );
  }
  if (env.METRICS_PORT !== undefined && env.METRICS_PORT === env.PORT) {
    faults.push('METRICS_PORT and PORT are the same: give the figures a port of their own.');
  }
  if (env.JWT_SECRET.some((one) => env.FLORIN_SECRET_KEY.includes(one))) {
    faults.push(
      'JWT_SECRET and FLORIN_SECRET_KEY are the same: make a secret of its own for each.',
    );
  }
  return faults;
}

/**
 * Reads and checks the environment. Throws `invalid_configuration` that names every fault at once
 * with how to mend it, and never a secret's value. Empty values count as absent.
 */
export function parseConfig(environment: Environment): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const faults: string[] = [];
  if (given['SUPABASE_URL'] === undefined && given['SUPABASE_JWT_SECRET'] === undefined) {
    faults.push(
      'SUPABASE_URL is missing. Set it to https://<project>.supabase.co: Project Settings, API.',
    );
  }
  if (
    given['STRIPE_API_BASE'] !== undefined &&
    /^(sk|rk)_live_/.test(given['STRIPE_SECRET_KEY'] ?? '')
  ) {
    faults.push(
      'STRIPE_API_BASE is set beside a live key: live money is asked of Stripe alone. Leave STRIPE_API_BASE out.',
    );
  }
  const result = schema.safeParse(given);
  faults.push(
    ...(result.success
      ? faultsBetween(result.data)
      : result.error.issues.map((issue) => issue.message)),
  );
  if (!result.success || faults.length > 0) {
    throw new InvalidConfigurationError(faults);
  }
  return toConfig(result.data);
}

function toConfig(env: z.infer<typeof schema>): Config {
  return {
    databaseUrl: env.DATABASE_URL,
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
      apiBase: env.STRIPE_API_BASE,
    },
    supabase: {
      url: env.SUPABASE_URL,
      jwtSecrets: env.SUPABASE_JWT_SECRET ?? [],
      publishableKey: env.SUPABASE_PUBLISHABLE_KEY,
    },
    planSessionSecrets: env.JWT_SECRET,
    serverKeys: env.FLORIN_SECRET_KEY,
    appUrl: env.APP_URL,
    allowedOrigins: [...new Set([new URL(env.APP_URL).origin, ...env.ALLOWED_ORIGINS])],
    cookieDomain: env.COOKIE_DOMAIN,
    catalogPath: env.FLORIN_CATALOG,
    port: env.PORT,
    metricsPort: env.METRICS_PORT,
    host: env.HOST,
    logLevel: env.LOG_LEVEL,
    trustedProxies: env.TRUSTED_PROXIES,
    buyerStripeCalls: env.BUYER_STRIPE_CALLS,
    alertUrl: env.ALERT_URL,
  };
}
