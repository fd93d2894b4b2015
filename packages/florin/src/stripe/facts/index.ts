export { readCharge, readDispute, readFraudWarning, readRefund } from './charge.ts';
export { readEvent, type StripeEvent } from './event.ts';
export type {
  ChargeFact,
  CreditedItems,
  CreditNoteFact,
  CustomerFact,
  DisputeFact,
  Fact,
  FraudWarningFact,
  InvoiceFact,
  InvoicePaymentFact,
  LineFact,
  Metadata,
  NothingFact,
  Period,
  Presentment,
  PriceFact,
  RefundFact,
  SessionFact,
  SubscriptionFact,
  SubscriptionItemFact,
} from './fact.ts';
export { readCreditNote, readInvoice, readInvoicePayment } from './invoice.ts';
export { invoiceLineFact, sessionLineFact } from './line.ts';
export { readSession } from './session.ts';
export { readCustomer, readPrice, readSubscription } from './subscription.ts';
