import { noSuch } from '../api/errors.ts';
import { page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { TaxId } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { needCustomer } from './customers.ts';

/** A tax id is taken as it is given: nobody verifies it. */
function addTaxId(world: World, params: Params, customer: string | null): TaxId {
  const taxId = world.store.put('tax_id', {
    id: newId('txi'),
    object: 'tax_id',
    country: params.need('type').slice(0, 2).toUpperCase(),
    created: world.now(),
    customer,
    customer_account: null,
    livemode: false,
    owner: {
      ...(customer === null ? {} : { customer }),
      customer_account: null,
      type: customer === null ? 'self' : 'customer',
    },
    type: params.need('type'),
    value: params.need('value'),
    verification:
      customer === null ? null : { status: 'pending', verified_address: null, verified_name: null },
  });
  emit(world, 'customer.tax_id.created', taxId);
  return taxId;
}

function needTaxId(world: World, id: string, customer?: string): TaxId {
  const taxId = world.store.get('tax_id', id);
  if (taxId === undefined || (customer !== undefined && taxId.customer !== customer)) {
    throw noSuch('tax_id', id);
  }
  return taxId;
}

function deleteTaxId(world: World, taxId: TaxId): object {
  world.store.remove('tax_id', taxId.id);
  emit(world, 'customer.tax_id.deleted', taxId);
  return { id: taxId.id, object: 'tax_id', deleted: true };
}

function listOwned(world: World, params: Params): TaxId[] {
  const owner = params.object('owner');
  const customer = owner?.text('customer');
  return world.store
    .all('tax_id')
    .filter((one) =>
      owner === undefined
        ? one.owner?.type === 'self'
        : customer === undefined || one.customer === customer,
    )
    .reverse();
}

export const taxIdRoutes: readonly Route[] = [
  [
    'post',
    '/v1/tax_ids',
    ({ world, params }) => {
      const customer = params.object('owner')?.text('customer') ?? null;
      if (customer !== null) {
        needCustomer(world, customer, 'owner[customer]');
      }
      return addTaxId(world, params, customer);
    },
  ],
  [
    'get',
    '/v1/tax_ids',
    ({ world, params }) => page(listOwned(world, params), params, '/v1/tax_ids'),
  ],
  ['get', '/v1/tax_ids/:id', ({ world, path }) => needTaxId(world, path('id'))],
  [
    'delete',
    '/v1/tax_ids/:id',
    ({ world, path }) => deleteTaxId(world, needTaxId(world, path('id'))),
  ],
  [
    'post',
    '/v1/customers/:customer/tax_ids',
    ({ world, path, params }) => addTaxId(world, params, needCustomer(world, path('customer')).id),
  ],
  [
    'get',
    '/v1/customers/:customer/tax_ids',
    ({ world, path, params }) => {
      const { id } = needCustomer(world, path('customer'));
      const all = world.store.where('tax_id', 'customer', id).reverse();
      return page(all, params, `/v1/customers/${id}/tax_ids`);
    },
  ],
  [
    'get',
    '/v1/customers/:customer/tax_ids/:id',
    ({ world, path }) => needTaxId(world, path('id'), path('customer')),
  ],
  [
    'delete',
    '/v1/customers/:customer/tax_ids/:id',
    ({ world, path }) => deleteTaxId(world, needTaxId(world, path('id'), path('customer'))),
  ],
];
