export {
  createStripeClient,
  isLiveKey,
  openStripeClient,
  type StripeClient,
  type StripeClientOptions,
} from './client.ts';
export { explainStripe, isOtherParameters } from './explain.ts';
export * from './facts/index.ts';
export {
  createStripeLookups,
  isUnknownToStripe,
  type StripeLookups,
  toStripeFlorinError,
} from './lookups.ts';
export { type FetchedObject, isObjectId, type ObjectKind } from './objects.ts';
export { idOf } from './reference.ts';
export { askCustomers, askRelated, type RelatedNames } from './related.ts';
export { loadSdk } from './sdk.ts';
export {
  type SignatureCheck,
  type SignatureResult,
  signatureOf,
  verifySignature,
} from './signature.ts';
