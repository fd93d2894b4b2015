import { noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Route } from '../api/route.ts';
import type { Account } from '../shapes.ts';
import type { World } from '../world.ts';

/** What the account holds: the sum of what moved, by currency; all of it pending or available at once. */
function balance(world: World): object {
  const sums = new Map<string, number>();
  for (const move of world.store.all('balance_transaction')) {
    sums.set(move.currency, (sums.get(move.currency) ?? 0) + move.net);
  }
  const amounts = [...sums].map(([currency, amount]) => ({
    amount,
    currency,
    source_types: { card: amount },
  }));
  return {
    object: 'balance',
    available: amounts,
    livemode: false,
    pending: amounts.map((one) => ({ ...one, amount: 0, source_types: { card: 0 } })),
  };
}

function account(world: World): Account {
  return {
    id: world.settings.accountId,
    object: 'account',
    business_type: 'company',
    charges_enabled: true,
    country: 'US',
    default_currency: world.settings.currency,
    details_submitted: true,
    email: null,
    payouts_enabled: true,
    settings: {
      branding: { icon: null, logo: null, primary_color: null, secondary_color: null },
      card_payments: {
        statement_descriptor_prefix: null,
        statement_descriptor_prefix_kana: null,
        statement_descriptor_prefix_kanji: null,
      },
      dashboard: { display_name: 'stripe-sandbox', timezone: 'Etc/UTC' },
      payments: {
        statement_descriptor: 'STRIPE SANDBOX',
        statement_descriptor_kana: null,
        statement_descriptor_kanji: null,
        statement_descriptor_prefix_kana: null,
        statement_descriptor_prefix_kanji: null,
      },
    },
    type: 'standard',
  };
}

export const balanceRoutes: readonly Route[] = [
  ['get', '/v1/balance', ({ world }) => balance(world)],
  ['get', '/v1/account', ({ world }) => account(world)],
  [
    'get',
    '/v1/balance_transactions',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('balance_transaction')
        .filter((one) => created(one.created))
        .reverse();
      const found = filtered(all, params, ['currency', 'source', 'type']);
      return page(found, params, '/v1/balance_transactions');
    },
  ],
  [
    'get',
    '/v1/balance_transactions/:id',
    ({ world, path }) => {
      const move = world.store.get('balance_transaction', path('id'));
      if (move === undefined) {
        throw noSuch('balance transaction', path('id'));
      }
      return move;
    },
  ],
];
