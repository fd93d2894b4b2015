import type { CatalogInput } from './price.ts';

const subscription = { kind: 'recurring' } as const;
const pack = { kind: 'one_time', planType: 'credits', topUp: true } as const;

/**
 * The OCR service's catalogue, which Florin sells from when it is given none. `florin init` writes it
 * down as florin.config.ts; demo shops and tests read it here.
 */
export const OCR_CATALOG = {
  prices: {
    price_BASIC_MONTHLY: {
      ...subscription,
      name: 'Basic',
      credits: 100,
      reason: 'basic_plan_monthly',
      planType: 'basic',
    },
    price_PRO_MONTHLY: {
      ...subscription,
      name: 'Vision Pro',
      credits: 500,
      reason: 'vision_pro_monthly',
      planType: 'vision_pro',
    },
    price_MAX_MONTHLY: {
      ...subscription,
      name: 'Vision Max',
      credits: 2000,
      reason: 'vision_max_monthly',
      planType: 'vision_max',
    },
    price_QUICK_SCAN: {
      ...pack,
      name: 'Quick Scan',
      credits: 50,
      reason: 'quick_scan_purchase',
    },
    price_POWER_PACK: {
      ...pack,
      name: 'Power Pack',
      credits: 250,
      reason: 'power_pack_purchase',
    },
    price_PROFESSIONAL: {
      ...pack,
      name: 'Professional',
      credits: 600,
      reason: 'professional_purchase',
    },
    price_ENTERPRISE: {
      ...pack,
      name: 'Enterprise',
      credits: 1000,
      reason: 'enterprise_purchase',
    },
  },
  usage: {
    page: { credits: 1 },
    'page.vision': { credits: 3 },
  },
} as const satisfies CatalogInput;

/**
 * What these prices cost where there is no Stripe to say so, in cents of a dollar: in `florin dev` and
 * in tests. A catalogue says what a price grants, and Stripe what it costs.
 */
export const OCR_AMOUNTS: Readonly<Record<keyof typeof OCR_CATALOG.prices, number>> = {
  price_BASIC_MONTHLY: 900,
  price_PRO_MONTHLY: 2_900,
  price_MAX_MONTHLY: 7_900,
  price_QUICK_SCAN: 500,
  price_POWER_PACK: 2_000,
  price_PROFESSIONAL: 4_200,
  price_ENTERPRISE: 6_500,
};
