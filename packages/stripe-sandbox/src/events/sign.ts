import { createHmac } from 'node:crypto';

/** The header `Stripe-Signature`: HMAC-SHA-256 of `<t>.<body>`, one `v1` for each secret. */
export function signatureHeader(
  body: string,
  { secrets, seconds }: { secrets: readonly string[]; seconds: number },
): string {
  const signatures = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex'),
  );
  return [`t=${seconds}`, ...signatures.map((signature) => `v1=${signature}`)].join(',');
}
