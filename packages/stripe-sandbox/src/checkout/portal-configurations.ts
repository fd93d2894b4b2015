import { invalid, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needPrice } from '../catalog/prices.ts';
import { emit } from '../events/emit.ts';
import type { PortalConfiguration } from '../shapes.ts';
import { newId, type World } from '../world.ts';

type Features = PortalConfiguration['features'];

const PATH = '/v1/billing_portal/configurations';
const PRORATIONS = ['create_prorations', 'always_invoice', 'none'] as const;

/** What a portal may do when nobody has said otherwise: everything that the page can. */
const DEFAULT_ID = 'bpc_sandbox';
const EVERYTHING: Features = {
  customer_update: { allowed_updates: ['email', 'tax_id'], enabled: true },
  invoice_history: { enabled: true },
  payment_method_update: { enabled: true, payment_method_configuration: null },
  subscription_cancel: {
    cancellation_reason: { enabled: false, feedback_options: null, options: [] },
    enabled: true,
    mode: 'at_period_end',
    proration_behavior: 'none',
  },
  subscription_pause: { duration: { interval_options: [], type: 'indefinite' }, enabled: false },
  subscription_update: {
    billing_cycle_anchor: null,
    default_allowed_updates: ['price', 'quantity', 'promotion_code'],
    enabled: true,
    products: null,
    proration_behavior: 'always_invoice',
    schedule_at_period_end: { conditions: [] },
    trial_update_behavior: 'end_trial',
  },
};

const NOTHING: Features = {
  ...EVERYTHING,
  customer_update: { allowed_updates: [], enabled: false },
  invoice_history: { enabled: false },
  payment_method_update: { enabled: false, payment_method_configuration: null },
  subscription_cancel: { ...EVERYTHING.subscription_cancel, enabled: false },
  subscription_update: {
    ...EVERYTHING.subscription_update,
    default_allowed_updates: [],
    enabled: false,
    proration_behavior: 'none',
  },
};

/** The configuration of a session that names none; made when it is first asked for. */
export function defaultConfiguration(world: World): PortalConfiguration {
  return (
    world.store.get('portal_configuration', DEFAULT_ID) ??
    world.store.put('portal_configuration', {
      ...blank(world, DEFAULT_ID),
      features: EVERYTHING,
      is_default: true,
    })
  );
}

export function needConfiguration(world: World, id: string, param?: string): PortalConfiguration {
  const found =
    id === DEFAULT_ID ? defaultConfiguration(world) : world.store.get('portal_configuration', id);
  if (found === undefined) {
    throw noSuch('configuration', id, param);
  }
  return found;
}

function blank(world: World, id: string): PortalConfiguration {
  return {
    id,
    object: 'billing_portal.configuration',
    active: true,
    application: null,
    business_profile: { headline: null, privacy_policy_url: null, terms_of_service_url: null },
    created: world.now(),
    default_return_url: null,
    features: NOTHING,
    is_default: false,
    livemode: false,
    login_page: { enabled: false, url: null },
    metadata: {},
    name: null,
    updated: world.now(),
  };
}

function changed(world: World, before: PortalConfiguration, params: Params): PortalConfiguration {
  const profile = params.object('business_profile');
  const features = params.object('features');
  return {
    ...before,
    active: params.flag('active') ?? before.active,
    business_profile: {
      headline: profile?.text('headline') ?? before.business_profile.headline,
      privacy_policy_url:
        profile?.text('privacy_policy_url') ?? before.business_profile.privacy_policy_url,
      terms_of_service_url:
        profile?.text('terms_of_service_url') ?? before.business_profile.terms_of_service_url,
    },
    default_return_url: params.text('default_return_url') ?? before.default_return_url,
    features: features === undefined ? before.features : readFeatures(world, before, features),
    metadata: params.metadata(before.metadata ?? {}),
    name: params.text('name') ?? before.name,
    updated: world.now(),
  };
}

function readFeatures(
  world: World,
  { features: old }: PortalConfiguration,
  given: Params,
): Features {
  const enabled = (key: keyof Features) => given.object(key)?.flag('enabled') ?? old[key].enabled;
  const cancel = given.object('subscription_cancel');
  const updates = given.object('customer_update')?.texts('allowed_updates') ?? [];
  return {
    customer_update: {
      allowed_updates: updates.length > 0 ? updates : old.customer_update.allowed_updates,
      enabled: enabled('customer_update'),
    },
    invoice_history: { enabled: enabled('invoice_history') },
    payment_method_update: {
      ...old.payment_method_update,
      enabled: enabled('payment_method_update'),
    },
    subscription_cancel: {
      ...old.subscription_cancel,
      enabled: enabled('subscription_cancel'),
      mode: cancel?.oneOf('mode', ['at_period_end', 'immediately']) ?? old.subscription_cancel.mode,
      proration_behavior:
        cancel?.oneOf('proration_behavior', PRORATIONS) ??
        old.subscription_cancel.proration_behavior,
    },
    subscription_pause: { ...old.subscription_pause, enabled: enabled('subscription_pause') },
    subscription_update: readUpdate(world, old.subscription_update, given),
  };
}

function readUpdate(
  world: World,
  old: Features['subscription_update'],
  features: Params,
): Features['subscription_update'] {
  const given = features.object('subscription_update');
  if (given === undefined) {
    return old;
  }
  const allowed = given.texts('default_allowed_updates');
  const conditions = given.object('schedule_at_period_end')?.objects('conditions');
  return {
    ...old,
    default_allowed_updates: allowed.length > 0 ? allowed : old.default_allowed_updates,
    enabled: given.flag('enabled') ?? old.enabled,
    products: given.has('products') ? readProducts(world, given) : (old.products ?? null),
    proration_behavior: given.oneOf('proration_behavior', PRORATIONS) ?? old.proration_behavior,
    schedule_at_period_end: {
      conditions:
        conditions?.map((one) => ({ type: one.need('type') })) ??
        old.schedule_at_period_end.conditions,
    },
  };
}

function readProducts(
  world: World,
  given: Params,
): NonNullable<Features['subscription_update']['products']> {
  return given.objects('products').map((product) => {
    const quantity = product.object('adjustable_quantity');
    const prices = product.texts('prices');
    for (const [at, id] of prices.entries()) {
      const price = needPrice(world, id, `${product.name('prices')}[${at}]`);
      if (price.product !== product.need('product')) {
        throw invalid(`The price ${id} is not of the product ${product.need('product')}.`, {
          param: `${product.name('prices')}[${at}]`,
        });
      }
    }
    return {
      adjustable_quantity: {
        enabled: quantity?.flag('enabled') ?? false,
        maximum: quantity?.integer('maximum') ?? null,
        minimum: quantity?.integer('minimum') ?? 1,
      },
      prices,
      product: product.need('product'),
    };
  });
}

export const portalConfigurationRoutes: readonly Route[] = [
  [
    'post',
    PATH,
    ({ world, params }) => {
      const made = world.store.put(
        'portal_configuration',
        changed(world, blank(world, newId('bpc')), params),
      );
      emit(world, 'billing_portal.configuration.created', made);
      return made;
    },
  ],
  [
    'get',
    PATH,
    ({ world, params }) => {
      defaultConfiguration(world);
      const all = world.store.all('portal_configuration').reverse();
      return page(filtered(all, params, ['active', 'is_default']), params, PATH);
    },
  ],
  ['get', `${PATH}/:id`, ({ world, path }) => needConfiguration(world, path('id'))],
  [
    'post',
    `${PATH}/:id`,
    ({ world, path, params }) => {
      const before = needConfiguration(world, path('id'));
      const after = world.store.put('portal_configuration', changed(world, before, params));
      emit(world, 'billing_portal.configuration.updated', after, before);
      return after;
    },
  ],
];
