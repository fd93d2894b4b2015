import { createHmac, timingSafeEqual } from 'node:crypto';

/** How old a signature may be, and how far ahead of our clock: Stripe's own default. */
export const SIGNATURE_TOLERANCE_SECONDS = 300;

export type SignatureCheck = {
  /** The request's body exactly as it came: no decoding, no trimming. */
  rawBody: Uint8Array;
  /** The header `Stripe-Signature`. */
  header: string | undefined;
  /** The endpoint's secrets: more than one while they are rotated. */
  secrets: readonly string[];
  now: Date;
};

export type SignatureResult =
  | { ok: true }
  | { ok: false; reason: 'missing' | 'malformed' | 'no_match' | 'too_old' | 'too_new' };

const MAX_HEADER_LENGTH = 8_192;
const MAX_SIGNATURES = 16;

/**
 * Checks a webhook's signature as Stripe documents it: HMAC-SHA-256 over `<t>.<raw body>`, scheme
 * `v1` only (`v0` is never trusted), any of the given secrets, compared in constant time. Pure.
 */
export function verifySignature(check: SignatureCheck): SignatureResult {
  if (check.header === undefined || check.header === '') {
    return { ok: false, reason: 'missing' };
  }
  const parsed = parseHeader(check.header);
  if (parsed === undefined) {
    return { ok: false, reason: 'malformed' };
  }
  if (!matchesAny(check, parsed)) {
    return { ok: false, reason: 'no_match' };
  }
  const ageSeconds = Math.floor(check.now.getTime() / 1000) - parsed.timestamp;
  // The age of an invalid date is NaN, which compares as false with everything.
  if (!(ageSeconds <= SIGNATURE_TOLERANCE_SECONDS)) {
    return { ok: false, reason: 'too_old' };
  }
  if (ageSeconds < -SIGNATURE_TOLERANCE_SECONDS) {
    return { ok: false, reason: 'too_new' };
  }
  return { ok: true };
}

/** The header that {@link verifySignature} accepts for this body. Pure. */
export function signatureOf(
  rawBody: string | Uint8Array,
  { secret, now }: { secret: string; now: Date },
): string {
  const timestamp = Math.floor(now.getTime() / 1000);
  return `t=${timestamp},v1=${digestOf(rawBody, { secret, timestamp }).toString('hex')}`;
}

type Header = { timestamp: number; signatures: Buffer[] };

function parseHeader(header: string): Header | undefined {
  if (header.length > MAX_HEADER_LENGTH) {
    return undefined;
  }
  let timestamp: number | undefined;
  const signatures: Buffer[] = [];
  for (const item of header.split(',')) {
    const separator = item.indexOf('=');
    const name = item.slice(0, separator).trim();
    const value = item.slice(separator + 1).trim();
    if (name === 't') {
      if (timestamp !== undefined || !/^\d{1,12}$/.test(value)) {
        return undefined;
      }
      timestamp = Number(value);
    } else if (name === 'v1' && /^[0-9a-f]{64}$/.test(value)) {
      signatures.push(Buffer.from(value, 'hex'));
    }
  }
  if (timestamp === undefined || signatures.length === 0 || signatures.length > MAX_SIGNATURES) {
    return undefined;
  }
  return { timestamp, signatures };
}

function matchesAny(check: SignatureCheck, header: Header): boolean {
  let matched = false;
  // Anybody can sign with an empty secret.
  for (const secret of check.secrets.filter((one) => one !== '')) {
    const expected = digestOf(check.rawBody, { secret, timestamp: header.timestamp });
    for (const signature of header.signatures) {
      matched = timingSafeEqual(signature, expected) || matched;
    }
  }
  return matched;
}

function digestOf(
  rawBody: string | Uint8Array,
  { secret, timestamp }: { secret: string; timestamp: number },
): Buffer {
  return createHmac('sha256', secret).update(`${timestamp}.`).update(rawBody).digest();
}
