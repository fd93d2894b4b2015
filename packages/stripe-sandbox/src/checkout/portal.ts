import { noSuch } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { PortalSession } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { defaultConfiguration, needConfiguration } from './portal-configurations.ts';
import { readFlow } from './portal-flows.ts';

/** A link to the customer's own page: cancel, change the plan, see the invoices. */
export function addPortalSession(
  world: World,
  input: {
    customer: string;
    returnUrl: string | null;
    configuration?: string | undefined;
    flow?: Params | undefined;
  },
): PortalSession {
  const customer = needCustomer(world, input.customer, 'customer');
  const configuration =
    input.configuration === undefined
      ? defaultConfiguration(world)
      : needConfiguration(world, input.configuration, 'configuration');
  const id = newId('bps');
  const session = world.store.put('portal_session', {
    id,
    object: 'billing_portal.session',
    configuration: configuration.id,
    created: world.now(),
    customer: customer.id,
    customer_account: null,
    flow: readFlow(world, input.flow, { customer: customer.id, configuration }),
    livemode: false,
    locale: null,
    on_behalf_of: null,
    return_url: input.returnUrl ?? configuration.default_return_url,
    url: `${world.baseUrl()}/p/session/${id}`,
  });
  emit(world, 'billing_portal.session.created', session);
  return session;
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
        configuration: params.text('configuration'),
        flow: params.object('flow_data'),
      }),
  ],
];
