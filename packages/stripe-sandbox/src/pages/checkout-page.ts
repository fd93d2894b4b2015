import { html } from 'hono/html';
import { amountOf } from '../catalog/amount.ts';
import { customLine, limitsOf } from '../checkout/custom-amount.ts';
import { lineOfOptional } from '../checkout/lines.ts';
import {
  isTrial,
  needSession,
  needsMethod,
  redemptionsOf,
  sessionPlan,
} from '../checkout/sessions.ts';
import type { CheckoutSession, SessionLine } from '../shapes.ts';
import type { World } from '../world.ts';
import { asTyped, document, every, type Html, money } from './html.ts';

export const TEST_METHODS = [
  ['4242 4242 4242 4242', 'succeeds'],
  ['4000 0000 0000 0002', 'is declined'],
  ['4000 0025 0000 3155', 'asks for 3-D Secure'],
  ['4000 0000 0000 9995', 'has insufficient funds'],
  ['4000 0000 0000 0341', 'is declined each time'],
  ['4000 0000 0000 0259', 'succeeds and is disputed'],
] as const;

export type CheckoutNotice = { error?: string | undefined; amount?: string | undefined };

/** The hosted page of a session: what is bought, how to pay, and a way back. */
export function checkoutPage(world: World, id: string, notice: CheckoutNotice = {}): Html {
  const session = needSession(world, id);
  if (session.status !== 'open') {
    return closedPage(session);
  }
  if (session.mode === 'setup') {
    return setupPage(world, session, notice);
  }
  const { lines, subscriptionData } = sessionPlan(world, id);
  const trial = isTrial(subscriptionData);
  const total = session.amount_total ?? 0;
  const currency = session.currency ?? 'usd';
  return document(
    'Checkout',
    html`
<h1>${lines.length === 1 ? (lines[0]?.description ?? 'Your order') : 'Your order'}</h1>
<p class="total" data-testid="total">${money(total, currency)}</p>
<p class="dim">${session.mode === 'subscription' ? html`${trial ? 'due today; then ' : ''}${every(lines.find((line) => line.price.recurring !== null)?.price.recurring ?? null)}` : 'paid once'}</p>
${errorNotice(notice)}
${amountBox(session, lines, notice)}
<section class="card" aria-labelledby="items"><h2 id="items">Items</h2>
<div class="scroll" role="group" tabindex="0" aria-label="Table"><table><thead><tr><th>Item</th><th class="num">Quantity</th><th class="num">Amount</th></tr></thead>
<tbody>${lines.map((line) => lineRow(session, line))}</tbody>
${sumRows(session, currency)}</table></div>
${session.allow_promotion_codes ? promotionForm(world, session) : ''}
</section>
${optionalItems(world, session)}
${payForm(world, session, { total, trial })}
${cancelForm(id)}`,
    { narrow: true },
  );
}

/**
 * Where the buyer says what to pay. The box belongs to the form that pays, so that Pay takes what it
 * says; its own button only counts again.
 */
function amountBox(
  session: CheckoutSession,
  lines: readonly SessionLine[],
  notice: CheckoutNotice,
): Html | '' {
  const line = customLine(lines);
  if (line === undefined) {
    return '';
  }
  const { least, most } = limitsOf(line);
  const value = notice.amount ?? asTyped(line.amount_subtotal, line.currency);
  return html`<section class="card"><label for="amount">Amount in ${line.currency.toUpperCase()}</label>
<div class="row"><input class="grow" id="amount" form="pay" type="text" name="amount" inputmode="decimal" autocomplete="off" required value="${value}" aria-describedby="limits">
<button type="submit" form="pay" formaction="/c/pay/${session.id}/amount" formnovalidate>Change amount</button></div>
<p class="dim" id="limits">From ${money(least, line.currency)} to ${money(most, line.currency)}</p></section>`;
}

/** Saves a payment method and charges nothing. */
function setupPage(
  world: World,
  session: CheckoutSession,
  notice: { error?: string | undefined },
): Html {
  return document(
    'Save a card',
    html`
<h1>Save a card</h1>
<p class="dim">Nothing is charged now.</p>
${errorNotice(notice)}
${payForm(world, session, { total: 0, trial: false })}
${cancelForm(session.id)}`,
    { narrow: true },
  );
}

export function errorNotice({ error }: { error?: string | undefined }): Html | '' {
  return error === undefined
    ? ''
    : html`<p class="notice bad" role="alert" data-testid="error">${error}</p>`;
}

function cancelForm(id: string): Html {
  return html`<form method="post" action="/c/pay/${id}/cancel"><button type="submit" data-testid="cancel">Cancel and go back</button></form>`;
}

function closedPage(session: CheckoutSession): Html {
  const text =
    session.status === 'complete'
      ? 'This order is complete. You can close this page.'
      : 'This checkout has expired. Go back to the shop and start again.';
  return document(
    'Checkout',
    html`<h1>${session.status === 'complete' ? 'Thank you' : 'Expired'}</h1><p data-testid="closed">${text}</p>`,
    { narrow: true },
  );
}

function lineRow(session: CheckoutSession, line: SessionLine): Html {
  const adjustable = line.adjustable_quantity !== null;
  const each =
    line.price.custom_unit_amount !== null
      ? 'an amount that you choose'
      : `${money(unitAmount(line), line.currency)} ${every(line.price.recurring)}`;
  return html`<tr><td>${line.description}<br><span class="dim">${each}</span></td>
<td class="num">${
    adjustable
      ? html`<form method="post" action="/c/pay/${session.id}/quantity"><input type="hidden" name="line" value="${line.id}"><input type="number" name="quantity" min="1" max="${String(line.adjustable_quantity?.maximum ?? 99)}" value="${String(line.quantity)}" aria-label="Quantity of ${line.description ?? ''}"><button class="small" type="submit">Update</button></form>`
      : String(line.quantity)
  }</td>
<td class="num">${money(line.amount_subtotal, line.currency)}</td></tr>`;
}

/** In the currency of the order, which need not be the price's own. */
function unitAmount({ price, currency }: SessionLine): number {
  return amountOf(price, { quantity: 1, currency });
}

/** What the buyer may add, or has added and may take off. */
function optionalItems(
  world: World,
  { id, currency, optional_items: offered }: CheckoutSession,
): Html | '' {
  if (offered == null || offered.length === 0) {
    return '';
  }
  const { chosen = {} } = sessionPlan(world, id);
  return html`<section class="card" aria-labelledby="optional"><h2 id="optional">Add to your order</h2>
${offered.map((item) => {
  const line = lineOfOptional(world, item, currency);
  const { description, price, quantity } = line;
  return html`<form class="row" method="post" action="/c/pay/${id}/optional"><input type="hidden" name="price" value="${item.price}">
<span class="grow">${String(quantity)} × ${description} <span class="dim">${money(unitAmount(line), line.currency)} ${every(price.recurring)}</span></span>
<button class="small" type="submit">${item.price in chosen ? 'Remove' : 'Add'} ${description}</button></form>`;
})}</section>`;
}

function sumRows(session: CheckoutSession, currency: string): Html | '' {
  const off = session.total_details?.amount_discount ?? 0;
  const tax = session.total_details?.amount_tax ?? 0;
  return off === 0 && tax === 0
    ? ''
    : html`<tfoot>${off === 0 ? '' : html`<tr><td colspan="2">Discount</td><td class="num good" data-testid="discount">−${money(off, currency)}</td></tr>`}
${tax === 0 ? '' : html`<tr><td colspan="2">Tax</td><td class="num" data-testid="tax">${money(tax, currency)}</td></tr>`}</tfoot>`;
}

function promotionForm(world: World, session: CheckoutSession): Html {
  const [redeemed] = redemptionsOf(world, session);
  const code =
    redeemed?.promotionCode == null
      ? ''
      : (world.store.get('promotion_code', redeemed.promotionCode)?.code ?? '');
  return html`<form class="row" method="post" action="/c/pay/${session.id}/promotion">
<div class="grow"><label for="code">Promotion code</label><input id="code" type="text" name="code" value="${code}" autocomplete="off" autocapitalize="characters" required></div>
<button type="submit">Apply</button></form>`;
}

/** A known customer's e-mail address is shown and cannot be changed here, as at Stripe. */
function payForm(
  world: World,
  session: CheckoutSession,
  due: { total: number; trial: boolean },
): Html {
  const known = world.store.get('customer', session.customer ?? '')?.email ?? null;
  const email = known ?? session.customer_email ?? session.customer_details?.email ?? '';
  const custom = session.mode === 'payment' && customLine(sessionPlan(world, session.id).lines);
  const asks = needsMethod(session) || Boolean(custom);
  const label =
    session.mode === 'setup'
      ? 'Save card'
      : due.trial
        ? 'Start trial'
        : custom
          ? 'Pay'
          : due.total === 0
            ? 'Complete order'
            : session.mode === 'subscription'
              ? 'Subscribe'
              : `Pay ${money(due.total, session.currency ?? 'usd')}`;
  return html`<form class="card" id="pay" method="post" action="/c/pay/${session.id}">
<label for="email">Email</label>
<input id="email" type="email" name="email" autocomplete="email" required value="${email}" ${known === null ? '' : 'disabled'}>
${asks ? methodFields(session) : ''}
<button class="main" type="submit" data-testid="pay">${label}</button></form>`;
}

export function cardField(): Html {
  return html`<label for="card">Card number</label>
<input id="card" type="text" name="card" inputmode="numeric" autocomplete="off" list="cards" value="4242 4242 4242 4242" aria-describedby="card-help">
<datalist id="cards">${TEST_METHODS.map(([number, does]) => html`<option value="${number}">${does}</option>`)}</datalist>
<details><summary id="card-help">Test cards</summary><ul>${TEST_METHODS.map(([number, does]) => html`<li><code>${number}</code> ${does}</li>`)}</ul></details>`;
}

function methodFields(session: CheckoutSession): Html {
  const sepa = session.mode !== 'setup' && session.payment_method_types.includes('sepa_debit');
  return html`${cardField()}
${
  sepa
    ? html`<fieldset><legend>Or pay by bank debit</legend>
<label class="choice"><input type="radio" name="way" value="card" checked> Card</label>
<label class="choice"><input type="radio" name="way" value="sepa_debit"> SEPA debit that arrives in days</label>
<label class="choice"><input type="radio" name="way" value="sepa_debit_fails"> SEPA debit that bounces after days</label></fieldset>`
    : html`<input type="hidden" name="way" value="card">`
}`;
}
