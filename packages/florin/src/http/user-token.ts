import type { JWTVerifyOptions } from 'jose';
import { decodeProtectedHeader } from 'jose/decode/protected_header';
import * as errors from 'jose/errors';
import { createRemoteJWKSet } from 'jose/jwks/remote';
import { jwtVerify } from 'jose/jwt/verify';
import { z } from 'zod';
import { type Clock, FlorinError, isUuid } from '../kernel/index.ts';
import { type AnsweredError, isAnsweredError, RequestError } from './request-error.ts';

/** A signed-in Supabase user, as their access token says. */
export type Buyer = {
  readonly userId: string;
  readonly email: string | undefined;
  /** Signed in without any identity: Supabase's anonymous sign-in. */
  readonly isAnonymous: boolean;
  readonly isOperator: boolean;
  readonly tokenExpiresAt: Date;
};

export type UserTokens = {
  /** Throws `unauthenticated` for any invalid token, `identity_unavailable` when the keys cannot be fetched. */
  verify(token: string): Promise<Buyer>;
};

export type UserTokenOptions = {
  /** The Supabase project; its published keys verify ES256 and RS256. */
  readonly url: string | undefined;
  /** The shared secrets of projects still on HS256; none: HS256 is refused. */
  readonly jwtSecrets: readonly string[];
  readonly clock: Clock;
};

const PUBLISHED_ALGORITHMS = ['ES256', 'RS256'];
const SHARED_ALGORITHM = 'HS256';
/** The header as Supabase sends it. Any other field (jku, jwk, x5u, crit, b64) would choose the key or the rules. */
const HEADER = new Set(['alg', 'kid', 'typ']);
const MAX_TOKEN = 8 * 1024;
const CLOCK_TOLERANCE_SECONDS = 5;
const KEYS_FETCH_TIMEOUT_MS = 5_000;
const KEYS_KEPT_MS = 10 * 60_000;
const KEYS_COOLDOWN_MS = 30_000;

const claims = z.object({
  sub: z.string().refine(isUuid),
  role: z.literal('authenticated'),
  exp: z.number(),
  email: z.string().nullish(),
  is_anonymous: z.boolean().nullish(),
  // Never user_metadata: users write that themselves.
  app_metadata: z.object({ florin_role: z.unknown() }).partial().nullish(),
});

/** Verifies Supabase's access tokens: ES256 or RS256 by the published keys, HS256 only by a configured secret. */
export function createUserTokens(options: UserTokenOptions): UserTokens {
  const { url, jwtSecrets, clock } = options;
  const publishedKeys =
    url === undefined
      ? undefined
      : createRemoteJWKSet(new URL(`${url}/auth/v1/.well-known/jwks.json`), {
          timeoutDuration: KEYS_FETCH_TIMEOUT_MS,
          cacheMaxAge: KEYS_KEPT_MS,
          cooldownDuration: KEYS_COOLDOWN_MS,
        });
  const secrets = jwtSecrets.map((secret) => new TextEncoder().encode(secret));

  function rules(algorithms: string[]): JWTVerifyOptions {
    return {
      algorithms,
      audience: 'authenticated',
      requiredClaims: ['exp', 'sub', 'aud', 'role'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: clock.now(),
      ...(url === undefined ? {} : { issuer: `${url}/auth/v1` }),
    };
  }

  async function payloadOf(token: string): Promise<unknown> {
    const header = headerOf(token);
    if (Object.keys(header).some((name) => !HEADER.has(name))) {
      throw refused('The token asks for more than a Supabase token does.');
    }
    const algorithm = header.alg ?? '';
    if (PUBLISHED_ALGORITHMS.includes(algorithm) && publishedKeys !== undefined) {
      if (typeof header.kid !== 'string') {
        throw refused('The token names no key.');
      }
      return (await jwtVerify(token, publishedKeys, rules([algorithm]))).payload;
    }
    if (algorithm === SHARED_ALGORITHM && secrets.length > 0) {
      return bySecret(token, secrets, rules([algorithm]));
    }
    throw refused(`Tokens signed with ${JSON.stringify(algorithm)} are not accepted.`);
  }

  return {
    async verify(token) {
      if (token.length > MAX_TOKEN) {
        throw refused('The token is too long to be one.');
      }
      try {
        return toBuyer(claims.parse(await payloadOf(token)));
      } catch (error) {
        throw explain(error);
      }
    },
  };
}

function headerOf(token: string): ReturnType<typeof decodeProtectedHeader> {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw refused('This is not a token.', { cause });
  }
}

async function bySecret(
  token: string,
  secrets: readonly Uint8Array[],
  rules: JWTVerifyOptions,
): Promise<unknown> {
  let failure: unknown;
  for (const secret of secrets) {
    try {
      return (await jwtVerify(token, secret, rules)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) {
        throw error;
      }
      failure = error;
    }
  }
  throw failure;
}

function toBuyer(token: z.infer<typeof claims>): Buyer {
  return {
    userId: token.sub.toLowerCase(),
    email: token.email == null || token.email === '' ? undefined : token.email,
    isAnonymous: token.is_anonymous === true,
    isOperator: token.app_metadata?.florin_role === 'operator',
    tokenExpiresAt: new Date(token.exp * 1000),
  };
}

/** Blames the token, unless the keys could not be fetched. */
function explain(error: unknown): AnsweredError {
  if (isAnsweredError(error)) {
    return error;
  }
  if (error instanceof errors.JWTExpired) {
    return refused('The session has expired. Sign in again.', { reason: 'expired', cause: error });
  }
  if (isAboutKeys(error)) {
    const message = `The published keys cannot be read: ${String(error)}`;
    return new FlorinError('identity_unavailable', message, { cause: error });
  }
  return refused('The token is not accepted. Sign in again.', { cause: error });
}

function isAboutKeys(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) {
    // fetch rejects with a TypeError; a ZodError is about the claims.
    return error instanceof TypeError || error instanceof SyntaxError;
  }
  return (
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  );
}

function refused(message: string, more: { reason?: string; cause?: unknown } = {}): RequestError {
  const details = more.reason === undefined ? {} : { reason: more.reason };
  return new RequestError('unauthenticated', message, { details, cause: more.cause });
}
