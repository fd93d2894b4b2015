import { invalid, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { CheckoutSession, PaymentLink } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { readSubscriptionData } from './create-session.ts';
import { refuseBesideCustom } from './custom-amount.ts';
import { readLines, readOptionalItems } from './lines.ts';
import { addSession } from './sessions.ts';

function createLink(world: World, params: Params): PaymentLink {
  const currency = params.text('currency')?.toLowerCase();
  const lines = readLines(world, params, { currency });
  const [first] = lines;
  if (first === undefined) {
    throw invalid('Missing required param: line_items.', {
      param: 'line_items',
      code: 'parameter_missing',
    });
  }
  refuseBesideCustom(lines);
  const id = newId('plink');
  const completion = params.object('after_completion');
  world.store.put('link_plan', {
    id,
    lines,
    metadata: params.metadata(),
    subscriptionData: readSubscriptionData(world, params.object('subscription_data')),
    paymentMetadata: params.object('payment_intent_data')?.metadata() ?? {},
    afterUrl: completion?.object('redirect')?.text('url') ?? null,
  });
  const link = world.store.put('payment_link', {
    id,
    object: 'payment_link',
    active: true,
    after_completion: {
      type: 'hosted_confirmation',
      hosted_confirmation: { custom_message: null },
    },
    allow_promotion_codes: params.flag('allow_promotion_codes') ?? false,
    application: null,
    application_fee_amount: null,
    application_fee_percent: null,
    automatic_tax: { enabled: false, liability: null },
    billing_address_collection: 'auto',
    consent_collection: null,
    currency: first.currency,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer_creation: 'if_required',
    inactive_message: null,
    invoice_creation: null,
    livemode: false,
    managed_payments: null,
    metadata: params.metadata(),
    on_behalf_of: null,
    optional_items: readOptionalItems(world, params),
    payment_intent_data: null,
    payment_method_collection: 'always',
    payment_method_options: null,
    payment_method_types: null,
    phone_number_collection: { enabled: false },
    restrictions: null,
    shipping_address_collection: null,
    shipping_options: [],
    submit_type: 'auto',
    subscription_data: null,
    tax_id_collection: { enabled: false, required: 'never' },
    transfer_data: null,
    url: `${world.baseUrl()}/link/${id}`,
  });
  emit(world, 'payment_link.created', link);
  return link;
}

/**
 * A buyer opens the link: a session of their own. The address's query may carry
 * `client_reference_id` and `prefilled_email`, as at Stripe: the buyer can write anything there.
 */
export function openLink(
  world: World,
  id: string,
  query: { clientReferenceId?: string | undefined; email?: string | undefined },
): CheckoutSession {
  const link = needLink(world, id);
  const plan = world.store.get('link_plan', id);
  if (!link.active || plan === undefined) {
    throw invalid('This payment link is no longer active.');
  }
  const recurring = plan.lines.some((line) => line.price.recurring !== null);
  return addSession(world, {
    mode: recurring ? 'subscription' : 'payment',
    lines: plan.lines.map((line) => ({ ...line, id: newId('li') })),
    optionalItems: link.optional_items ?? [],
    customer: null,
    customerEmail: query.email ?? null,
    clientReferenceId: query.clientReferenceId ?? null,
    metadata: plan.metadata,
    successUrl: plan.afterUrl,
    cancelUrl: null,
    allowPromotionCodes: link.allow_promotion_codes,
    discounts: [],
    methodTypes: ['card', 'sepa_debit'],
    paymentLink: id,
    subscriptionData: plan.subscriptionData,
    paymentMetadata: plan.paymentMetadata,
    paymentDescription: null,
    setupFutureUsage: null,
    captureMethod: 'automatic_async',
  });
}

function needLink(world: World, id: string): PaymentLink {
  const link = world.store.get('payment_link', id);
  if (link === undefined) {
    throw noSuch('payment_link', id);
  }
  return link;
}

export const paymentLinkRoutes: readonly Route[] = [
  ['post', '/v1/payment_links', ({ world, params }) => createLink(world, params)],
  [
    'get',
    '/v1/payment_links',
    ({ world, params }) =>
      page(
        filtered(world.store.all('payment_link').reverse(), params, ['active']),
        params,
        '/v1/payment_links',
      ),
  ],
  ['get', '/v1/payment_links/:id', ({ world, path }) => needLink(world, path('id'))],
  [
    'post',
    '/v1/payment_links/:id',
    ({ world, path, params }) => {
      const before = needLink(world, path('id'));
      const link = world.store.put('payment_link', {
        ...before,
        active: params.flag('active') ?? before.active,
        allow_promotion_codes: params.flag('allow_promotion_codes') ?? before.allow_promotion_codes,
        metadata: params.metadata(before.metadata),
      });
      emit(world, 'payment_link.updated', link, before);
      return link;
    },
  ],
  [
    'get',
    '/v1/payment_links/:id/line_items',
    ({ world, path, params }) => {
      const { id } = needLink(world, path('id'));
      const lines = world.store.get('link_plan', id)?.lines ?? [];
      return page(lines, params, `/v1/payment_links/${id}/line_items`);
    },
  ],
];
