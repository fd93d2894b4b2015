import { defineCatalog } from 'florin';

/** What each price of the shop grants. The key is the id of a Stripe price, or its lookup_key. */
export const catalog = defineCatalog({
  prices: {
    price_QUICK_SCAN: {
      credits: 50,
      reason: 'quick_scan_purchase',
      planType: 'credits',
      kind: 'one_time',
      name: 'Quick Scan',
    },
  },
});
