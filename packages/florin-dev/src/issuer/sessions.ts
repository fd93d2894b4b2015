import { createHash } from 'node:crypto';
import type { RecordFile } from './record-file.ts';
import { ACCESS_SECONDS, type Signer } from './tokens.ts';
import { AuthError, type Directory, showUser, type User } from './users.ts';

/** A refresh token, by its hash; each is used once, and again within ten seconds (two tabs). */
export type RefreshToken = {
  readonly id: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly method: 'password' | 'anonymous';
  readonly usedAt: number | null;
  readonly revoked: boolean;
};

const REUSE_MS = 10_000;

export type Sessions = Directory & {
  readonly refreshTokens: RecordFile<RefreshToken>;
  readonly signer: Signer;
};

/** A new session: what `/token` and `/signup` answer. */
export function openSession(
  sessions: Sessions,
  user: User,
  method: 'password' | 'anonymous',
): Promise<object> {
  return grant(sessions, user, { id: sessions.ids.uuid(), method });
}

async function grant(
  sessions: Sessions,
  user: User,
  session: { id: string; method: 'password' | 'anonymous' },
): Promise<object> {
  const refreshToken = sessions.ids.token(24);
  sessions.refreshTokens.put({
    id: hash(refreshToken),
    userId: user.id,
    sessionId: session.id,
    method: session.method,
    usedAt: null,
    revoked: false,
  });
  return {
    access_token: await sessions.signer.sign(user, session),
    token_type: 'bearer',
    expires_in: ACCESS_SECONDS,
    expires_at: Math.floor(sessions.clock.now().getTime() / 1000) + ACCESS_SECONDS,
    refresh_token: refreshToken,
    user: showUser(user),
  };
}

/** Raises `refresh_token_not_found` or `refresh_token_already_used`. */
export async function refreshSession(sessions: Sessions, refreshToken: string): Promise<object> {
  const token = sessions.refreshTokens.get(hash(refreshToken));
  const user = token === undefined ? undefined : sessions.users.get(token.userId);
  if (token === undefined || user === undefined || token.revoked) {
    throw new AuthError(400, 'refresh_token_not_found', 'Invalid Refresh Token: Not Found');
  }
  const now = sessions.clock.now().getTime();
  if (token.usedAt !== null && now - token.usedAt > REUSE_MS) {
    revokeSession(sessions, token.sessionId);
    throw new AuthError(400, 'refresh_token_already_used', 'Invalid Refresh Token: Already Used');
  }
  sessions.refreshTokens.put({ ...token, usedAt: token.usedAt ?? now });
  return grant(sessions, user, { id: token.sessionId, method: token.method });
}

/** Signs out: no refresh token of the session works any more. Access tokens end by their time. */
export function revokeSession(sessions: Sessions, sessionId: string): void {
  const open = () =>
    sessions.refreshTokens.find((token) => token.sessionId === sessionId && !token.revoked);
  for (let token = open(); token !== undefined; token = open()) {
    sessions.refreshTokens.put({ ...token, revoked: true });
  }
}

function hash(refreshToken: string): string {
  return createHash('sha256').update(refreshToken).digest('base64url');
}
