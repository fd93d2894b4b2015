import { noSuch } from '../api/errors.ts';
import { momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import type { CustomerBalanceTransaction } from '../shapes.ts';
import { inTimeOf, newId, type World } from '../world.ts';
import { changeCustomer, needCustomer } from './customers.ts';

export type BalanceMove = {
  customer: string;
  /** Negative: a credit that pays the next invoices. */
  amount: number;
  currency: string;
  type: string;
  description?: string | null;
  invoice?: string | null;
  metadata?: Record<string, string>;
};

/** Moves a customer's balance, and writes down why. */
export function moveBalance(world: World, move: BalanceMove): CustomerBalanceTransaction {
  const customer = needCustomer(world, move.customer);
  const ending = customer.balance + move.amount;
  changeCustomer(world, customer, {
    balance: ending,
    currency: customer.currency ?? move.currency,
  });
  return noteMove(world, { ...move, ending });
}

/** Writes down a move that has been made. */
export function noteMove(
  world: World,
  move: BalanceMove & { ending: number },
): CustomerBalanceTransaction {
  return world.store.put('customer_balance_transaction', {
    id: newId('cbtxn'),
    object: 'customer_balance_transaction',
    amount: move.amount,
    checkout_session: null,
    created: world.now(),
    credit_note: null,
    currency: move.currency,
    customer: move.customer,
    customer_account: null,
    description: move.description ?? null,
    ending_balance: move.ending,
    invoice: move.invoice ?? null,
    livemode: false,
    metadata: move.metadata ?? {},
    type: move.type,
  });
}

function create(world: World, customer: string, params: Params): CustomerBalanceTransaction {
  return inTimeOf(world, customer, () =>
    moveBalance(world, {
      customer,
      amount: params.integer('amount') ?? 0,
      currency: params.need('currency').toLowerCase(),
      type: 'adjustment',
      description: params.text('description') ?? null,
      metadata: params.metadata(),
    }),
  );
}

function needMove(world: World, customer: string, id: string): CustomerBalanceTransaction {
  const move = world.store.get('customer_balance_transaction', id);
  if (move === undefined || move.customer !== customer) {
    throw noSuch('customer balance transaction', id);
  }
  return move;
}

const PATH = '/v1/customers/:customer/balance_transactions';

export const balanceTransactionRoutes: readonly Route[] = [
  [
    'post',
    PATH,
    ({ world, path, params }) => create(world, needCustomer(world, path('customer')).id, params),
  ],
  [
    'get',
    PATH,
    ({ world, path, params }) => {
      const { id } = needCustomer(world, path('customer'));
      const [created, invoice] = [momentFilter(params, 'created'), params.text('invoice')];
      const all = world.store
        .where('customer_balance_transaction', 'customer', id)
        .filter((one) => created(one.created) && (invoice === undefined || one.invoice === invoice))
        .reverse();
      return page(all, params, `/v1/customers/${id}/balance_transactions`);
    },
  ],
  ['get', `${PATH}/:id`, ({ world, path }) => needMove(world, path('customer'), path('id'))],
  [
    'post',
    `${PATH}/:id`,
    ({ world, path, params }) => {
      const before = needMove(world, path('customer'), path('id'));
      return world.store.put('customer_balance_transaction', {
        ...before,
        description: params.text('description') ?? before.description,
        metadata: params.metadata(before.metadata ?? {}),
      });
    },
  ],
];
