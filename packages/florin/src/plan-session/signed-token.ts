import { createHash } from 'node:crypto';
import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { JWTExpired } from 'jose/errors';
import { SignJWT } from 'jose/jwt/sign';
import { jwtVerify } from 'jose/jwt/verify';
import { type ZodType, z } from 'zod';
import { type Clock, FlorinError, type IdSource } from '../kernel/index.ts';

/** Why a token is refused: it never was one, another service's or altered, over, or too large to be made. */
export type TokenFault = 'malformed' | 'foreign' | 'expired' | 'too_large';

export type SignedToken<C> = {
  readonly claims: C;
  /** Names this token, and no other. */
  readonly nonce: string;
  readonly expiresAt: Date;
};

export type SignedTokens<C> = {
  issue(claims: C): Promise<SignedToken<C> & { readonly token: string }>;
  read(token: string): Promise<SignedToken<C>>;
};

type Key = { readonly kid: string; readonly secret: Uint8Array };

const ALGORITHM = 'HS256';
const ISSUER = 'florin';
const NONCE_BYTES = 16;
/** Clocks of two services that share the secret. */
const CLOCK_TOLERANCE_SECONDS = 5;

const registered = z.looseObject({
  iss: z.literal(ISSUER),
  aud: z.string(),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().regex(/^[\w-]{22}$/),
});

/**
 * Short-lived tokens of one purpose, told from those of another by `type` and `audience`: signed and
 * not encrypted, since nothing in them is secret (docs/decisions/0030). The first secret signs; all
 * verify, so that one can be rotated. What is refused throws what `refuse` makes of it.
 */
export function createSignedTokens<C extends Record<string, unknown>>(options: {
  secrets: readonly string[];
  clock: Clock;
  ids: IdSource;
  type: string;
  audience: string;
  seconds: number;
  maxLength: number;
  claims: ZodType<C>;
  refuse: (fault: TokenFault, cause?: unknown) => FlorinError;
}): SignedTokens<C> {
  const { clock, ids, type, audience, seconds, maxLength, refuse } = options;
  const keys = options.secrets.map(toKey);
  const [current] = keys;
  if (current === undefined) {
    throw new FlorinError('invalid_configuration', 'JWT_SECRET is empty.');
  }

  /** The header only says which of our own secrets to try; it never brings a key. */
  function findKey(token: string): Key {
    let header: ReturnType<typeof decodeProtectedHeader>;
    try {
      header = decodeProtectedHeader(token);
    } catch (error) {
      throw refuse('malformed', error);
    }
    const key = keys.find(({ kid }) => kid === header.kid);
    const extra = Object.keys(header).filter((name) => !['alg', 'typ', 'kid'].includes(name));
    if (key === undefined || extra.length > 0) {
      throw refuse('foreign');
    }
    return key;
  }

  return {
    async issue(claims) {
      const issuedAt = Math.floor(clock.now().getTime() / 1000);
      const expires = issuedAt + seconds;
      const nonce = ids.token(NONCE_BYTES);
      const token = await new SignJWT({ ...claims })
        .setProtectedHeader({ alg: ALGORITHM, typ: type, kid: current.kid })
        .setIssuer(ISSUER)
        .setAudience(audience)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expires)
        .setJti(nonce)
        .sign(current.secret);
      if (token.length > maxLength) {
        throw refuse('too_large');
      }
      return { token, claims, nonce, expiresAt: new Date(expires * 1000) };
    },
    async read(token) {
      if (token.length > maxLength) {
        throw refuse('malformed');
      }
      const key = findKey(token);
      try {
        const { payload } = await jwtVerify(token, key.secret, {
          algorithms: [ALGORITHM],
          typ: type,
          issuer: ISSUER,
          audience,
          requiredClaims: ['jti', 'exp', 'iat'],
          maxTokenAge: seconds,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: clock.now(),
        });
        const { iss: _, aud: __, iat: ___, exp, jti, ...own } = registered.parse(payload);
        const claims = options.claims.parse(own);
        return { claims, nonce: jti, expiresAt: new Date(exp * 1000) };
      } catch (error) {
        throw refuse(error instanceof JWTExpired ? 'expired' : 'foreign', error);
      }
    },
  };
}

function toKey(secret: string): Key {
  const kid = createHash('sha256').update(`kid:${secret}`).digest('base64url').slice(0, 8);
  return { kid, secret: new TextEncoder().encode(secret) };
}
