/**
 * `florin/testing`: the Stripe sandbox for a project's own tests. It answers the real Stripe SDK,
 * delivers signed events, and has a clock that can be moved; no account and no network are needed.
 */
export {
  type Advance,
  createSandbox,
  type Faults,
  type Sandbox,
  type SandboxControl,
  type SandboxOptions,
  type SeedEndpoint,
  type SeedPrice,
  signatureHeader,
} from './sandbox/index.ts';
