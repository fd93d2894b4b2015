import { readAddress, readRecipient } from '../api/address.ts';
import { noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { addDiscount, endDiscount } from '../billing/discounts.ts';
import { endSubscription } from '../billing/end-subscription.ts';
import { redeemable } from '../catalog/coupons.ts';
import { emit } from '../events/emit.ts';
import type { Customer } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { attachPaymentMethod, ownPaymentMethod } from './payment-methods.ts';

export type NewCustomer = {
  email?: string | null | undefined;
  name?: string | null | undefined;
  metadata?: Record<string, string>;
  testClock?: string | null | undefined;
  profile?: Partial<Customer>;
};

export function addCustomer(world: World, input: NewCustomer): Customer {
  const customer = world.store.put('customer', {
    id: newId('cus', 14),
    object: 'customer',
    address: null,
    balance: 0,
    created: world.now(),
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: input.email ?? null,
    invoice_prefix: newId('x', 8).slice(2).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: input.metadata ?? {},
    name: input.name ?? null,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: input.testClock ?? null,
    ...input.profile,
  });
  emit(world, 'customer.created', customer);
  return customer;
}

export function needCustomer(world: World, id: string, param?: string): Customer {
  const customer = world.store.get('customer', id);
  if (customer === undefined || isDeleted(customer)) {
    throw noSuch('customer', id, param);
  }
  return customer;
}

function isDeleted(customer: Customer): boolean {
  return 'deleted' in customer && Boolean(customer.deleted);
}

export function changeCustomer(
  world: World,
  before: Customer,
  changes: Partial<Customer>,
): Customer {
  const customer = world.store.put('customer', { ...before, ...changes });
  emit(world, 'customer.updated', customer, before);
  return customer;
}

function createCustomer(world: World, params: Params): Customer {
  const testClock = params.text('test_clock');
  if (testClock !== undefined && world.store.get('test_clock', testClock) === undefined) {
    throw noSuch('test_clock', testClock, 'test_clock');
  }
  const customer = addCustomer(world, {
    metadata: params.metadata(),
    testClock,
    profile: readProfile(params),
  });
  const method = params.text('payment_method');
  if (method !== undefined) {
    attachPaymentMethod(world, method, customer.id);
  }
  return world.store.put('customer', { ...customer, ...readChanges(world, customer, params) });
}

function readChanges(world: World, before: Customer, params: Params): Partial<Customer> {
  const settings = params.object('invoice_settings');
  const method = settings?.text('default_payment_method');
  const changes: Partial<Customer> = {
    ...readProfile(params),
    metadata: params.metadata(before.metadata),
  };
  if (params.has('balance')) {
    changes.balance = params.integer('balance') ?? 0;
  }
  if (method !== undefined) {
    changes.invoice_settings = {
      ...before.invoice_settings,
      default_payment_method: ownPaymentMethod(world, method, before.id).id,
    };
  }
  if (params.unsets('coupon') && before.discount !== null) {
    endDiscount(world, before.discount);
    changes.discount = null;
  }
  const coupon = params.text('coupon');
  if (coupon !== undefined) {
    redeemable(world, coupon, 'coupon');
    changes.discount = addDiscount(world, {
      coupon,
      customer: before.id,
      promotionCode: null,
      replaces: before.discount,
    });
  }
  return changes;
}

/** What the merchant knows of a person: stored as it is given. */
function readProfile(params: Params): Partial<Customer> {
  const changes: Partial<Customer> = {};
  for (const field of ['email', 'name', 'description', 'phone'] as const) {
    if (params.has(field)) {
      changes[field] = params.text(field) ?? null;
    }
  }
  const exemption = params.oneOf('tax_exempt', ['exempt', 'none', 'reverse']);
  if (exemption !== undefined) {
    changes.tax_exempt = exemption;
  }
  if (params.has('address')) {
    changes.address = readAddress(params.object('address'));
  }
  if (params.has('shipping')) {
    changes.shipping = readRecipient(params.object('shipping'));
  }
  if (params.has('preferred_locales')) {
    changes.preferred_locales = params.texts('preferred_locales');
  }
  return changes;
}

function updateCustomer(world: World, before: Customer, params: Params): Customer {
  return changeCustomer(world, before, readChanges(world, before, params));
}

/** Deletes a customer as Stripe does: its subscriptions end at once; the id stays known as deleted. */
function deleteCustomer(world: World, id: string): object {
  const customer = needCustomer(world, id);
  for (const subscription of world.store.where('subscription', 'customer', id)) {
    if (subscription.ended_at === null) {
      endSubscription(world, subscription, 'cancellation_requested');
    }
  }
  const deleted = { id, object: 'customer' as const, deleted: true };
  world.store.put('customer', deleted as unknown as Customer);
  emit(world, 'customer.deleted', customer);
  return deleted;
}

function showCustomer(world: World, id: string): Customer {
  const customer = world.store.get('customer', id);
  if (customer === undefined) {
    throw noSuch('customer', id);
  }
  return customer;
}

export const customerRoutes: readonly Route[] = [
  ['post', '/v1/customers', ({ world, params }) => createCustomer(world, params)],
  [
    'get',
    '/v1/customers',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('customer')
        .filter((one) => !isDeleted(one) && created(one.created))
        .reverse();
      return page(filtered(all, params, ['email', 'test_clock']), params, '/v1/customers');
    },
  ],
  ['get', '/v1/customers/:id', ({ world, path }) => showCustomer(world, path('id'))],
  [
    'post',
    '/v1/customers/:id',
    ({ world, path, params }) => updateCustomer(world, needCustomer(world, path('id')), params),
  ],
  ['delete', '/v1/customers/:id', ({ world, path }) => deleteCustomer(world, path('id'))],
  [
    'delete',
    '/v1/customers/:id/discount',
    ({ world, path }) => {
      const customer = needCustomer(world, path('id'));
      if (customer.discount === null) {
        throw noSuch('discount', customer.id);
      }
      world.store.put('customer', { ...customer, discount: null });
      endDiscount(world, customer.discount);
      return { ...customer.discount, deleted: true };
    },
  ],
  [
    'get',
    '/v1/customers/:id/payment_methods',
    ({ world, path, params }) => {
      const all = world.store
        .where('payment_method', 'customer', needCustomer(world, path('id')).id)
        .reverse();
      return page(filtered(all, params, ['type']), params, '/v1/payment_methods');
    },
  ],
  [
    'get',
    '/v1/customers/:id/payment_methods/:method',
    ({ world, path }) => {
      const customer = needCustomer(world, path('id'));
      const method = world.store.get('payment_method', path('method'));
      if (method === undefined || method.customer !== customer.id) {
        throw noSuch('PaymentMethod', path('method'));
      }
      return method;
    },
  ],
];
