export {
  createStripeClient,
  isLiveKey,
  STRIPE_API_VERSION,
  type StripeClient,
  type StripeClientOptions,
} from './client.ts';
export * from './facts/index.ts';
export { createStripeLookups, type StripeLookups, toStripeFlorinError } from './lookups.ts';
export {
  SIGNATURE_TOLERANCE_SECONDS,
  type SignatureCheck,
  type SignatureResult,
  verifySignature,
} from './signature.ts';
