import { defineCatalog } from 'florin';

// What each Stripe price grants. The key is the id of a price, or its lookup_key.
export default defineCatalog({
  prices: {
    price_BASIC_MONTHLY: {
      credits: 100,
      reason: 'basic_plan_monthly',
      planType: 'basic',
      kind: 'recurring',
      name: 'Basic',
    },
    price_PRO_MONTHLY: {
      credits: 500,
      reason: 'vision_pro_monthly',
      planType: 'vision_pro',
      kind: 'recurring',
      name: 'Vision Pro',
    },
    price_MAX_MONTHLY: {
      credits: 2000,
      reason: 'vision_max_monthly',
      planType: 'vision_max',
      kind: 'recurring',
      name: 'Vision Max',
    },
    price_QUICK_SCAN: {
      credits: 50,
      reason: 'quick_scan_purchase',
      planType: 'credits',
      kind: 'one_time',
      name: 'Quick Scan',
      topUp: true,
    },
    price_POWER_PACK: {
      credits: 250,
      reason: 'power_pack_purchase',
      planType: 'credits',
      kind: 'one_time',
      name: 'Power Pack',
      topUp: true,
    },
    price_PROFESSIONAL: {
      credits: 600,
      reason: 'professional_purchase',
      planType: 'credits',
      kind: 'one_time',
      name: 'Professional',
      topUp: true,
    },
    price_ENTERPRISE: {
      credits: 1000,
      reason: 'enterprise_purchase',
      planType: 'credits',
      kind: 'one_time',
      name: 'Enterprise',
      topUp: true,
    },
  },
  // What usage costs, in credits: florin.charge({ meter: 'page', quantity: 3, … }).
  usage: {
    page: { credits: 1 },
    'page.vision': { credits: 3 },
  },
});
