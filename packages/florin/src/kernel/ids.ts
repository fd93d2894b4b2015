import { randomBytes, randomUUID } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether `value` is a uuid in its usual text form, of any version. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** Where new identifiers come from; passed in so that a test can fix them. */
export type IdSource = {
  uuid(): string;
  /** `bytes` random bytes as base64url: nonces and sandbox object ids. */
  token(bytes: number): string;
};

export const randomIds: IdSource = {
  uuid: randomUUID,
  token: (bytes) => randomBytes(bytes).toString('base64url'),
};
