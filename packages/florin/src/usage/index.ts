export { decimalText } from './exact.ts';
export { creditsOf, type Measured, type Priced, price } from './price.ts';
export type { Meter, Pricing, Rate, RateCard, Tier, Usage } from './rate.ts';
