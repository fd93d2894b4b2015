import { emit } from '../events/emit.ts';
import type { Charge } from '../shapes.ts';
import type { World } from '../world.ts';
import { balanceOf } from './balance.ts';
import type { Behaviour } from './behaviours.ts';
import { disputeCharge } from './disputes.ts';
import { warnOfFraud } from './fraud-warnings.ts';

/** What a test card lets follow a charge that succeeded. */
export function followCharge(world: World, charge: Charge, behaviour: Behaviour): void {
  if (behaviour.available) {
    emit(world, 'balance.available', balanceOf(world));
  }
  if (behaviour.fraudWarning) {
    warnOfFraud(world, charge.id);
  }
  if (behaviour.disputed !== undefined && charge.captured) {
    disputeCharge(world, charge.id, behaviour.disputed);
  }
}
