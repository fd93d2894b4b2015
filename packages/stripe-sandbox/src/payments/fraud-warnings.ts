import { noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { EarlyFraudWarning } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { needCharge } from './charges.ts';

/** The issuer suspects fraud; no money moves, and a dispute often follows. */
export function warnOfFraud(world: World, chargeId: string): EarlyFraudWarning {
  const charge = needCharge(world, chargeId);
  const warning = world.store.put('early_fraud_warning', {
    id: newId('issfr'),
    object: 'radar.early_fraud_warning',
    actionable: true,
    charge: charge.id,
    created: world.now(),
    fraud_type: 'made_with_lost_card',
    livemode: false,
    ...(charge.payment_intent === null ? {} : { payment_intent: charge.payment_intent }),
  });
  emit(world, 'radar.early_fraud_warning.created', warning);
  return warning;
}

/** A charge that is disputed or wholly refunded leaves nothing to act on. */
export function settleFraudWarnings(world: World, chargeId: string): void {
  for (const before of world.store.all('early_fraud_warning')) {
    if (before.charge === chargeId && before.actionable) {
      const warning = world.store.put('early_fraud_warning', { ...before, actionable: false });
      emit(world, 'radar.early_fraud_warning.updated', warning, before);
    }
  }
}

export const fraudWarningRoutes: readonly Route[] = [
  [
    'get',
    '/v1/radar/early_fraud_warnings',
    ({ world, params }) => {
      const all = filtered(world.store.all('early_fraud_warning').reverse(), params, [
        'charge',
        'payment_intent',
      ]);
      return page(all, params, '/v1/radar/early_fraud_warnings');
    },
  ],
  [
    'get',
    '/v1/radar/early_fraud_warnings/:id',
    ({ world, path }) => {
      const warning = world.store.get('early_fraud_warning', path('id'));
      if (warning === undefined) {
        throw noSuch('early_fraud_warning', path('id'));
      }
      return warning;
    },
  ],
];
