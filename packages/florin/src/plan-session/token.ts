import { createHash } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { type Clock, FlorinError, type IdSource } from '../kernel/index.ts';

/** The plan that somebody chose, before anyone knows who they are. */
export type PlanChoice = {
  /** The price's id in the catalogue. */
  readonly priceId: string;
  /** The shop's own notes, which travel on into the checkout. */
  readonly metadata: Readonly<Record<string, string>>;
};

/** A choice as a token carries it. */
export type PlanSession = PlanChoice & {
  /** What a checkout uses up, once. */
  readonly nonce: string;
  readonly expiresAt: Date;
};

export type PlanSessions = {
  /** Signs a choice for {@link PLAN_SESSION_SECONDS}. Throws `plan_session_invalid` when it is too large. */
  issue(choice: PlanChoice): Promise<{ token: string; session: PlanSession }>;
  /** Reads a token of ours. Throws `plan_session_invalid` for anything else, whatever is wrong with it. */
  read(token: string): Promise<PlanSession>;
};

export const PLAN_SESSION_SECONDS = 15 * 60;

const ALGORITHM = 'HS256';
const TYPE = 'florin-plan-session+jwt';
const ISSUER = 'florin';
const AUDIENCE = 'florin:checkout';
const NONCE_BYTES = 16;
/** Clocks of two services that share the secret. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** A browser keeps cookies of up to 4,096 bytes, name and attributes included. */
const MAX_TOKEN = 3_800;

const claims = z.strictObject({
  iss: z.literal(ISSUER),
  aud: z.literal(AUDIENCE),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().regex(/^[\w-]{22}$/),
  price: z.string().min(1),
  meta: z.record(z.string(), z.string()).default({}),
});

type Key = { readonly kid: string; readonly secret: Uint8Array };

/**
 * Tokens that carry the chosen plan over domains: signed and not encrypted, since nothing in them is
 * secret (docs/decisions/0030). The first secret signs; all verify, so that one can be rotated.
 */
export function createPlanSessions(options: {
  secrets: readonly string[];
  clock: Clock;
  ids: IdSource;
}): PlanSessions {
  const { clock, ids } = options;
  const keys = options.secrets.map(toKey);
  const [current] = keys;
  if (current === undefined) {
    throw new FlorinError('invalid_configuration', 'JWT_SECRET is empty.');
  }
  return {
    async issue({ priceId, metadata }) {
      const issuedAt = Math.floor(clock.now().getTime() / 1000);
      const expires = issuedAt + PLAN_SESSION_SECONDS;
      const nonce = ids.token(NONCE_BYTES);
      const token = await new SignJWT({ price: priceId, meta: { ...metadata } })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: current.kid })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expires)
        .setJti(nonce)
        .sign(current.secret);
      if (token.length > MAX_TOKEN) {
        throw invalid('The plan session would not fit into a cookie: pass less metadata.');
      }
      return { token, session: { priceId, metadata, nonce, expiresAt: new Date(expires * 1000) } };
    },
    async read(token) {
      if (token.length > MAX_TOKEN) {
        throw invalid('This is not a plan session.');
      }
      const key = findKey(token, keys);
      try {
        const { payload } = await jwtVerify(token, key.secret, {
          algorithms: [ALGORITHM],
          typ: TYPE,
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ['jti', 'exp', 'iat'],
          maxTokenAge: PLAN_SESSION_SECONDS,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: clock.now(),
        });
        const { price, meta, jti, exp } = claims.parse(payload);
        return {
          priceId: price,
          metadata: meta,
          nonce: jti,
          expiresAt: new Date(exp * 1000),
        };
      } catch (error) {
        throw error instanceof errors.JWTExpired
          ? invalid('The plan session has expired. Choose the plan again.', error)
          : invalid('This is not a plan session of this service.', error);
      }
    },
  };
}

function toKey(secret: string): Key {
  const kid = createHash('sha256').update(`kid:${secret}`).digest('base64url').slice(0, 8);
  return { kid, secret: new TextEncoder().encode(secret) };
}

/** The header only says which of our own secrets to try; it never brings a key. */
function findKey(token: string, keys: readonly Key[]): Key {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch (error) {
    throw invalid('This is not a plan session.', error);
  }
  const key = keys.find(({ kid }) => kid === header.kid);
  const extra = Object.keys(header).filter((name) => !['alg', 'typ', 'kid'].includes(name));
  if (key === undefined || extra.length > 0) {
    throw invalid('This is not a plan session of this service.');
  }
  return key;
}

function invalid(message: string, cause?: unknown): FlorinError {
  return new FlorinError('plan_session_invalid', message, { cause });
}
