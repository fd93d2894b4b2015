export {
  type Charged,
  type ChargeRequest,
  type Charges,
  createCharges,
  type Quote,
  type QuoteRequest,
} from './charge.ts';
export type { Cost } from './cost.ts';
export type { CaptureOfUse, HoldForUse } from './hold.ts';
export { type ChangedRate, changedRates } from './rates.ts';
