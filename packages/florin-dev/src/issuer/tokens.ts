import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Clock } from '../surroundings.ts';
import type { RecordFile } from './record-file.ts';
import { AuthError, type User } from './users.ts';

export const ACCESS_SECONDS = 3600;
const ALGORITHM = 'ES256';
const AUDIENCE = 'authenticated';

export type StoredKey = { readonly id: string; readonly jwk: JWK };

/** Signs and checks access tokens in the shape of Supabase Auth's. */
export type Signer = {
  /** What `/.well-known/jwks.json` answers. */
  readonly jwks: { readonly keys: readonly JWK[] };
  sign(user: User, session: { id: string; method: 'password' | 'anonymous' }): Promise<string>;
  /** The user's id and session. Raises `bad_jwt`. */
  verify(token: string): Promise<{ userId: string; sessionId: string }>;
};

/** Takes the kept key, or makes one at the first start: tokens stay good over a restart. */
export async function createSigner(parts: {
  keys: RecordFile<StoredKey>;
  clock: Clock;
  issuer: () => string;
}): Promise<Signer> {
  const stored = parts.keys.get('signing') ?? parts.keys.put(await makeKey());
  const { d: _private, ...open } = stored.jwk;
  const kid = await calculateJwkThumbprint(open);
  const secret = (await importJWK(stored.jwk, ALGORITHM)) as CryptoKey;
  const published: JWK = { ...open, kid, alg: ALGORITHM, use: 'sig', key_ops: ['verify'] };
  const check = (await importJWK(published, ALGORITHM)) as CryptoKey;
  return {
    jwks: { keys: [published] },
    sign(user, session) {
      const now = Math.floor(parts.clock.now().getTime() / 1000);
      return new SignJWT({
        email: user.email ?? '',
        phone: '',
        app_metadata: user.appMetadata,
        user_metadata: user.userMetadata,
        role: 'authenticated',
        aal: 'aal1',
        amr: [{ method: session.method, timestamp: now }],
        session_id: session.id,
        is_anonymous: user.email === null,
      })
        .setProtectedHeader({ alg: ALGORITHM, kid, typ: 'JWT' })
        .setIssuer(parts.issuer())
        .setSubject(user.id)
        .setAudience(AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + ACCESS_SECONDS)
        .sign(secret);
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, check, {
          algorithms: [ALGORITHM],
          audience: AUDIENCE,
          issuer: parts.issuer(),
          currentDate: parts.clock.now(),
        });
        return { userId: String(payload.sub), sessionId: String(payload['session_id']) };
      } catch (cause) {
        const refusal = new AuthError(403, 'bad_jwt', 'invalid JWT: unable to verify it');
        throw Object.assign(refusal, { cause });
      }
    },
  };
}

async function makeKey(): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  return { id: 'signing', jwk: await exportJWK(privateKey) };
}
