import type { Clock, IdSource } from '../surroundings.ts';
import { hashPassword, verifyPassword } from './passwords.ts';
import type { RecordFile } from './record-file.ts';

export type User = {
  readonly id: string;
  /** Null: an anonymous sign-in. */
  readonly email: string | null;
  readonly passwordHash: string | null;
  readonly appMetadata: Readonly<Record<string, unknown>>;
  readonly userMetadata: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
  readonly lastSignInAt: string;
};

/** What GoTrue answers when it refuses. */
export class AuthError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'AuthError';
    this.status = status;
    this.code = code;
  }
}

const MIN_PASSWORD = 6;
const MAX_PASSWORD = 72;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

export type Directory = {
  readonly users: RecordFile<User>;
  readonly clock: Clock;
  readonly ids: IdSource;
};

/** Makes an account. Raises `user_already_exists`, `weak_password` or `validation_failed`. */
export async function signUp(
  directory: Directory,
  given: { email: string; password: string; data: Readonly<Record<string, unknown>> },
): Promise<User> {
  const email = given.email.trim().toLowerCase();
  if (!EMAIL.test(email)) {
    throw new AuthError(
      400,
      'validation_failed',
      'Unable to validate email address: invalid format',
    );
  }
  if (given.password.length < MIN_PASSWORD || given.password.length > MAX_PASSWORD) {
    throw new AuthError(
      422,
      'weak_password',
      `Password should have ${MIN_PASSWORD} to ${MAX_PASSWORD} characters.`,
    );
  }
  const passwordHash = await hashPassword(given.password);
  if (directory.users.find((user) => user.email === email) !== undefined) {
    throw new AuthError(422, 'user_already_exists', 'User already registered');
  }
  return addUser(directory, { email, passwordHash, data: given.data });
}

export function signUpAnonymously(
  directory: Directory,
  data: Readonly<Record<string, unknown>>,
): User {
  return addUser(directory, { email: null, passwordHash: null, data });
}

function addUser(
  { users, clock, ids }: Directory,
  made: {
    email: string | null;
    passwordHash: string | null;
    data: Readonly<Record<string, unknown>>;
  },
): User {
  const now = clock.now().toISOString();
  return users.put({
    id: ids.uuid(),
    email: made.email,
    passwordHash: made.passwordHash,
    appMetadata: appMetadataOf(made.email),
    userMetadata: made.data,
    createdAt: now,
    lastSignInAt: now,
  });
}

/** On this development issuer, `operator@…` is who may open the operator's console. */
function appMetadataOf(email: string | null): Record<string, unknown> {
  if (email === null) {
    return {};
  }
  const base = { provider: 'email', providers: ['email'] };
  return email.startsWith('operator@') ? { ...base, florin_role: 'operator' } : base;
}

/** Raises `invalid_credentials` for an unknown address as for a wrong password. */
export async function signIn(
  { users, clock }: Directory,
  given: { email: string; password: string },
): Promise<User> {
  const email = given.email.trim().toLowerCase();
  const user = users.find((one) => one.email === email);
  if (!(await verifyPassword(given.password, user?.passwordHash ?? undefined)) || !user) {
    throw new AuthError(400, 'invalid_credentials', 'Invalid login credentials');
  }
  return users.put({ ...user, lastSignInAt: clock.now().toISOString() });
}

/** The user as Supabase Auth shows it. */
export function showUser(user: User): object {
  return {
    id: user.id,
    aud: 'authenticated',
    role: 'authenticated',
    email: user.email ?? '',
    email_confirmed_at: user.email === null ? null : user.createdAt,
    phone: '',
    confirmed_at: user.email === null ? null : user.createdAt,
    last_sign_in_at: user.lastSignInAt,
    app_metadata: user.appMetadata,
    user_metadata: user.userMetadata,
    identities: [],
    created_at: user.createdAt,
    updated_at: user.lastSignInAt,
    is_anonymous: user.email === null,
  };
}
