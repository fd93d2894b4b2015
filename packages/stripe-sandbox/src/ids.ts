import { createHash, randomBytes } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Gives bytes for ids: random ones, or those that follow from a seed. */
export type Bytes = (length: number) => Uint8Array;

/** The same seed gives the same bytes in the same order. */
export function bytesOf(seed: string): Bytes {
  let drawn = 0;
  return (length) => {
    const parts: Buffer[] = [];
    for (let have = 0; have < length; have += 32) {
      drawn += 1;
      parts.push(createHash('sha256').update(`${seed} ${drawn}`).digest());
    }
    return Buffer.concat(parts).subarray(0, length);
  };
}

/** Whose bytes ids are made of now. Sandboxes of one process take turns: each commit is synchronous. */
let current: Bytes = randomBytes;

/** Runs `work` with ids of these bytes. */
export function withIds<T>(bytes: Bytes | undefined, work: () => T): T {
  if (bytes === undefined) {
    return work();
  }
  const before = current;
  current = bytes;
  try {
    return work();
  } finally {
    current = before;
  }
}

/** A new id as Stripe writes them: `ch_` and 24 letters and digits. */
export function newId(prefix: string, length = 24): string {
  let id = `${prefix}_`;
  for (const byte of current(length)) {
    id += ALPHABET[byte % ALPHABET.length];
  }
  return id;
}
