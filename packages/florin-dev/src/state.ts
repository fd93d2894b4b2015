import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The secrets of one folder's development: made once, random, readable by their owner only. */
export type DevSecrets = {
  readonly JWT_SECRET: string;
  readonly FLORIN_SECRET_KEY: string;
  readonly STRIPE_SECRET_KEY: string;
  readonly STRIPE_WEBHOOK_SECRET: string;
};

const OWNER_ONLY = 0o600;
const SECRET_BYTES = 32;

/** Makes the folder for data and secrets; only its owner may list it, Postgres may pass through. */
export async function makeDevFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711);
}

/** Reads the secrets of `folder`, or makes them the first time. */
export async function ensureSecrets(folder: string): Promise<DevSecrets> {
  const file = join(folder, 'secrets.json');
  const known = await readFile(file, 'utf8').catch(() => undefined);
  if (known !== undefined) {
    return JSON.parse(known) as DevSecrets;
  }
  const random = () => randomBytes(SECRET_BYTES).toString('base64url');
  const secrets: DevSecrets = {
    JWT_SECRET: random(),
    FLORIN_SECRET_KEY: random(),
    STRIPE_SECRET_KEY: `sk_test_${randomBytes(SECRET_BYTES).toString('hex')}`,
    STRIPE_WEBHOOK_SECRET: `whsec_${randomBytes(SECRET_BYTES).toString('hex')}`,
  };
  await writeFile(file, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: OWNER_ONLY });
  return secrets;
}
