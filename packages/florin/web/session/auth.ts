import type { SiteSettings } from '../../src/contract/index.ts';

export type User = { readonly id: string; readonly email: string; readonly role: string | null };

export type Session = {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly user: User;
};

/** A refusal of Supabase Auth, in words for the person at the form. */
export class SignInError extends Error {
  readonly code: string;
  /** 0 when there was no answer. */
  readonly status: number;

  constructor(failure: { code: string; message: string; status: number }) {
    super(failure.message);
    this.name = 'SignInError';
    this.code = failure.code;
    this.status = failure.status;
  }
}

export type Auth = {
  withPassword(credentials: Credentials): Promise<Session>;
  /** Null when the address must be confirmed by mail first. */
  signUp(credentials: Credentials): Promise<Session | null>;
  refresh(refreshToken: string): Promise<Session>;
  signOut(accessToken: string): Promise<void>;
};

export type Credentials = { readonly email: string; readonly password: string };

const WORDS: Readonly<Record<string, string>> = {
  invalid_credentials: 'That email and password do not match. Check both, or create an account.',
  user_already_exists: 'There is an account with this email already. Sign in instead.',
  email_exists: 'There is an account with this email already. Sign in instead.',
  email_not_confirmed: 'Confirm your email first: the link is in your inbox.',
  weak_password: 'This password is too short or too common. Choose a longer one.',
  over_request_rate_limit: 'Too many attempts. Wait a minute, then try again.',
  email_address_invalid: 'This email address is not valid.',
  validation_failed: 'Check the email address and the password.',
  signup_disabled: 'New accounts cannot be created at the moment.',
};

type TokenAnswer = {
  access_token?: string;
  refresh_token?: string;
  expires_in?: number;
  user?: { id: string; email?: string; app_metadata?: Record<string, unknown> };
};

/** The few calls of Supabase Auth's HTTP API that a password sign-in needs. */
export function createAuth(
  config: Pick<SiteSettings, 'supabaseUrl' | 'supabasePublishableKey'>,
): Auth {
  const base = `${(config.supabaseUrl ?? '').replace(/\/+$/, '')}/auth/v1`;

  async function post(path: string, body: object, accessToken?: string): Promise<TokenAnswer> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (config.supabasePublishableKey !== null) {
      headers['apikey'] = config.supabasePublishableKey;
    }
    if (accessToken !== undefined) {
      headers['authorization'] = `Bearer ${accessToken}`;
    }
    const response = await fetch(base + path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    }).catch(() => null);
    if (response === null) {
      const message = 'The sign-in service could not be reached. Check the connection.';
      throw new SignInError({ code: 'network', message, status: 0 });
    }
    const answer: unknown = await response.json().catch(() => ({}));
    if (!response.ok) {
      throw refusal(answer as Record<string, unknown>, response.status);
    }
    return answer as TokenAnswer;
  }

  async function session(answering: Promise<TokenAnswer>): Promise<Session> {
    const found = toSession(await answering);
    if (found === null) {
      const message = 'The sign-in service answered in a way this page does not understand.';
      throw new SignInError({ code: 'bad_response', message, status: 200 });
    }
    return found;
  }

  return {
    withPassword: (credentials) => session(post('/token?grant_type=password', credentials)),
    signUp: async (credentials) => toSession(await post('/signup', credentials)),
    refresh: (refreshToken) =>
      session(post('/token?grant_type=refresh_token', { refresh_token: refreshToken })),
    async signOut(accessToken) {
      await post('/logout?scope=local', {}, accessToken);
    },
  };
}

function refusal(answer: Record<string, unknown>, status: number): SignInError {
  const code = String(answer['error_code'] ?? answer['error'] ?? 'failed');
  const said = answer['msg'] ?? answer['error_description'] ?? answer['message'];
  const message =
    WORDS[code] ?? (typeof said === 'string' ? said : 'Signing in failed. Try again.');
  return new SignInError({ code, message, status });
}

function toSession(answer: TokenAnswer): Session | null {
  const { access_token: accessToken, refresh_token: refreshToken, user } = answer;
  if (accessToken === undefined || refreshToken === undefined || user === undefined) {
    return null;
  }
  const role = user.app_metadata?.['florin_role'];
  return {
    accessToken,
    refreshToken,
    expiresAt: Date.now() + (answer.expires_in ?? 3600) * 1000,
    user: { id: user.id, email: user.email ?? '', role: typeof role === 'string' ? role : null },
  };
}
