import type { Kind } from '../store/records.ts';
import type { World } from '../world.ts';
import { invalid } from './errors.ts';
import { includable, present, type Shown } from './present.ts';

/** Which collection a field's id belongs to. */
const FIELDS: Readonly<Record<string, Kind>> = {
  balance_transaction: 'balance_transaction',
  charge: 'charge',
  checkout_session: 'checkout_session',
  configuration: 'portal_configuration',
  coupon: 'coupon',
  credit_note: 'credit_note',
  customer: 'customer',
  customer_balance_transaction: 'customer_balance_transaction',
  default_payment_method: 'payment_method',
  default_price: 'price',
  discount: 'discount',
  discounts: 'discount',
  failure_balance_transaction: 'balance_transaction',
  feature: 'entitlement_feature',
  invoice: 'invoice',
  invoice_item: 'invoice_item',
  latest_charge: 'charge',
  latest_invoice: 'invoice',
  payment_intent: 'payment_intent',
  payment_link: 'payment_link',
  payment_method: 'payment_method',
  pending_setup_intent: 'setup_intent',
  price: 'price',
  product: 'product',
  promotion_code: 'promotion_code',
  quote: 'quote',
  refund: 'refund',
  subscription_schedule: 'subscription_schedule',
  released_subscription: 'subscription',
  schedule: 'subscription_schedule',
  setup_intent: 'setup_intent',
  source_charge: 'charge',
  subscription: 'subscription',
  test_clock: 'test_clock',
};

const MAX_DEPTH = 4;

/** Replaces ids by objects along `expand[]`, as deep as Stripe allows. Raises 400 where it cannot. */
export function expand(world: World, shown: Shown, paths: readonly string[]): Shown {
  let result = shown;
  for (const path of paths) {
    const steps = path.split('.');
    if (steps.filter((step) => step !== 'data').length > MAX_DEPTH) {
      throw invalid(`You cannot expand more than ${MAX_DEPTH} levels of a property`, {
        param: 'expand',
      });
    }
    result = expandAt(world, { value: result, steps, path }) as Shown;
  }
  return result;
}

type Walk = { value: unknown; steps: readonly string[]; path: string };

function expandAt(world: World, { value, steps, path }: Walk): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || value === null || value === undefined) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((item) => expandAt(world, { value: item, steps, path }));
  }
  if (typeof value !== 'object') {
    return value;
  }
  const object = value as Shown;
  const inside = Object.hasOwn(object, step) ? object[step] : includable(world, object, step);
  if (inside === undefined) {
    const hint =
      object['object'] === 'list' && path === steps.join('.')
        ? ` You may want to try expanding 'data.${path}' instead.`
        : '';
    throw invalid(`This property cannot be expanded (${path}).${hint}`, { param: 'expand' });
  }
  const opened = open(world, { field: step, value: inside, path });
  return { ...object, [step]: expandAt(world, { value: opened, steps: rest, path }) };
}

function open(world: World, at: { field: string; value: unknown; path: string }): unknown {
  if (Array.isArray(at.value)) {
    return at.value.map((value) => open(world, { ...at, value }));
  }
  if (typeof at.value !== 'string') {
    return at.value;
  }
  const kind = Object.hasOwn(FIELDS, at.field) ? FIELDS[at.field] : undefined;
  if (kind === undefined) {
    throw invalid(`This property cannot be expanded (${at.path}).`, { param: 'expand' });
  }
  const found = world.store.get(kind, at.value);
  return found === undefined ? at.value : present(world, found);
}
