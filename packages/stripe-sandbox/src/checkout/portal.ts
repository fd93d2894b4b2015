import { noSuch } from '../api/errors.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import type { PortalSession } from '../shapes.ts';
import { newId, type World } from '../world.ts';

/** A link to the customer's own page: cancel, change the plan, see the invoices. */
export function addPortalSession(
  world: World,
  input: { customer: string; returnUrl: string | null },
): PortalSession {
  const customer = needCustomer(world, input.customer, 'customer');
  const id = newId('bps');
  return world.store.put('portal_session', {
    id,
    object: 'billing_portal.session',
    configuration: 'bpc_sandbox',
    created: world.now(),
    customer: customer.id,
    customer_account: null,
    flow: null,
    livemode: false,
    locale: null,
    on_behalf_of: null,
    return_url: input.returnUrl,
    url: `${world.baseUrl()}/p/session/${id}`,
  });
}

export function needPortalSession(world: World, id: string): PortalSession {
  const session = world.store.get('portal_session', id);
  if (session === undefined) {
    throw noSuch('billing_portal.session', id);
  }
  return session;
}

export const portalRoutes: readonly Route[] = [
  [
    'post',
    '/v1/billing_portal/sessions',
    ({ world, params }) =>
      addPortalSession(world, {
        customer: params.need('customer'),
        returnUrl: params.text('return_url') ?? null,
      }),
  ],
];
