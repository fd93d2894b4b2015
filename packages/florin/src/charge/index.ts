export {
  type Charged,
  type ChargeRequest,
  type Charges,
  type Cost,
  createCharges,
  type Quote,
  type QuoteRequest,
} from './charge.ts';
export { type ChangedRate, changedRates } from './rates.ts';
