/**
 * `florin-dev`: all that Florin needs and a machine may lack, for development and tests: a Postgres in the
 * shape of a Supabase project, sign-in, and what `florin dev` makes of them. It imports nothing of Florin.
 */
export {
  type Development,
  type DevelopmentOptions,
  type FlorinParts,
  startDevelopment,
} from './development.ts';
export { createIssuer, type Issuer, type IssuerOptions } from './issuer/issuer.ts';
export { isRunning } from './postgres/process-state.ts';
export {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from './postgres/server.ts';
export { demoPrices } from './prices.ts';
export { DevError } from './surroundings.ts';
