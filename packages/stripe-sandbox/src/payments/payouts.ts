import { invalid, noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Payout } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { addBalanceTransaction } from './balance.ts';

const DAY = 86_400;

/** Money leaves to the merchant's bank; it arrives at the same moment, since no bank is here. */
function createPayout(world: World, params: Params): Payout {
  const amount = params.integer('amount') ?? 0;
  if (amount < 1) {
    throw invalid('Invalid positive integer', {
      param: 'amount',
      code: 'parameter_invalid_integer',
    });
  }
  const currency = params.need('currency').toLowerCase();
  const held = world.store
    .where('balance_transaction', 'currency', currency)
    .reduce((sum, move) => sum + move.net, 0);
  if (amount > held) {
    throw invalid(
      `You have insufficient funds in your Stripe account for this payout. The sandbox holds ${held} ${currency}.`,
      { code: 'balance_insufficient' },
    );
  }
  const id = newId('po');
  const pending = world.store.put('payout', {
    id,
    object: 'payout',
    amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: world.now() + 2 * DAY,
    automatic: false,
    balance_transaction: addBalanceTransaction(world, {
      amount: -amount,
      currency,
      source: id,
      type: 'payout',
    }).id,
    created: world.now(),
    currency,
    description: params.text('description') ?? null,
    destination: null,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: params.metadata(),
    method: params.text('method') ?? 'standard',
    original_payout: null,
    payout_method: null,
    reconciliation_status: 'not_applicable',
    reversed_by: null,
    source_type: params.text('source_type') ?? 'card',
    statement_descriptor: params.text('statement_descriptor') ?? null,
    status: 'pending',
    trace_id: null,
    type: 'bank_account',
  });
  emit(world, 'payout.created', pending);
  const paid = world.store.put('payout', { ...pending, status: 'paid' });
  emit(world, 'payout.updated', paid, pending);
  emit(world, 'payout.paid', paid, pending);
  return pending;
}

function needPayout(world: World, id: string): Payout {
  const payout = world.store.get('payout', id);
  if (payout === undefined) {
    throw noSuch('payout', id);
  }
  return payout;
}

export const payoutRoutes: readonly Route[] = [
  ['post', '/v1/payouts', ({ world, params }) => createPayout(world, params)],
  [
    'get',
    '/v1/payouts',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('payout')
        .filter((one) => created(one.created))
        .reverse();
      return page(filtered(all, params, ['status', 'destination']), params, '/v1/payouts');
    },
  ],
  ['get', '/v1/payouts/:id', ({ world, path }) => needPayout(world, path('id'))],
  [
    'post',
    '/v1/payouts/:id',
    ({ world, path, params }) => {
      const before = needPayout(world, path('id'));
      const payout = world.store.put('payout', {
        ...before,
        metadata: params.metadata(before.metadata ?? {}),
      });
      emit(world, 'payout.updated', payout, before);
      return payout;
    },
  ],
];
