import { html } from 'hono/html';
import { needIntent } from '../payments/intent-routes.ts';
import { confirmIntent, planOf } from '../payments/intents.ts';
import { inTimeOf, type World } from '../world.ts';
import { afterwards } from './checkout-actions.ts';
import { document, type Html, money } from './html.ts';

/** The bank asks the buyer: approve or refuse. */
export function authenticatePage(world: World, id: string): Html {
  const intent = needIntent(world, id);
  if (intent.status !== 'requires_action') {
    return document('3-D Secure', html`<h1>Nothing to approve</h1>`, { narrow: true });
  }
  return document(
    '3-D Secure',
    html`<h1>Your bank asks: approve this payment?</h1>
<p class="total">${money(intent.amount, intent.currency)}</p>
<form class="card" method="post" action="/authenticate/${id}">
<button class="main" type="submit" name="answer" value="approve" data-testid="approve">Approve</button>
<p></p><button type="submit" name="answer" value="refuse" data-testid="refuse">Refuse</button></form>`,
    { narrow: true },
  );
}

/** Carries out the buyer's answer, and says where to go next. */
export function answerAuthentication(world: World, id: string, approved: boolean): string {
  return world.store.commit(() => {
    const before = needIntent(world, id);
    const plan = planOf(world, id);
    if (before.status === 'requires_action') {
      inTimeOf(world, before.customer, () =>
        confirmIntent(world, before, {
          method: approved ? (before.payment_method ?? '') : 'pm_card_chargeDeclined',
          authenticated: true,
        }),
      );
    }
    const session =
      plan.session === null ? undefined : world.store.get('checkout_session', plan.session);
    if (session === undefined) {
      const page = plan.invoice === null ? '/sandbox' : `/invoices/${plan.invoice}`;
      return plan.returnUrl ?? `${world.baseUrl()}${page}`;
    }
    return session.status === 'complete'
      ? afterwards(world, session)
      : `${world.baseUrl()}/c/pay/${session.id}?declined=1`;
  });
}
