import { html } from 'hono/html';
import type { Invoice, Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import { day, type Html, money } from './html.ts';

const WIDTH = 760;
const ROW = 44;
const LEFT = 8;
const DAY = 86_400;

/** A customer's subscriptions from their start to the end of what is known, with each invoice on its day. */
export function timelineOf(world: World, subscriptions: readonly Subscription[]): Html {
  if (subscriptions.length === 0) {
    return html`<p class="dim">No subscription yet.</p>`;
  }
  const from = Math.min(...subscriptions.map((one) => one.start_date));
  const until = Math.max(world.now(), ...subscriptions.map(endOf)) + DAY;
  const x = (moment: number) =>
    LEFT + ((WIDTH - 2 * LEFT) * (moment - from)) / Math.max(1, until - from);
  const height = ROW * subscriptions.length + 24;
  return html`<div class="scroll" role="group" tabindex="0" aria-label="Timeline"><svg role="img" width="${String(WIDTH)}" height="${String(height)}" viewBox="0 0 ${String(WIDTH)} ${String(height)}" aria-label="${described(world, subscriptions)}">
${subscriptions.map((one, nth) => row(world, one, { y: nth * ROW, x }))}
<line x1="${mid(x(world.now()))}" x2="${mid(x(world.now()))}" y1="0" y2="${String(height - 16)}" stroke="currentColor" stroke-dasharray="3 3" />
<text x="${mid(Math.min(x(world.now()), WIDTH - 150))}" y="${String(height - 3)}" font-size="11" fill="currentColor">now, ${day(world.now())}</text>
</svg></div>
<p class="dim">Bars: what is or was served, trials lighter. Dots: invoices; filled paid, ringed not.</p>`;
}

type Place = { y: number; x: (moment: number) => number };

function row(world: World, subscription: Subscription, { y, x }: Place): Html {
  const [item] = subscription.items.data;
  const name = item?.price.nickname ?? item?.price.id ?? subscription.id;
  const [start, end] = [subscription.start_date, endOf(subscription)];
  const trialEnd = Math.min(subscription.trial_end ?? start, end);
  const color = subscription.ended_at === null ? 'var(--deep)' : 'var(--dim)';
  return html`<g>
<text x="${String(LEFT)}" y="${String(y + 13)}" font-size="12" fill="currentColor">${name}: ${subscription.status}</text>
<rect x="${mid(x(start))}" y="${String(y + 20)}" width="${mid(Math.max(2, x(end) - x(start)))}" height="10" rx="3" fill="${color}" fill-opacity="0.35" />
<rect x="${mid(x(trialEnd))}" y="${String(y + 20)}" width="${mid(Math.max(0, x(end) - x(trialEnd)))}" height="10" rx="3" fill="${color}" />
${invoicesOf(world, subscription).map((invoice) => dot(invoice, { y: y + 25, x }))}
</g>`;
}

function dot(invoice: Invoice, { y, x }: Place): Html {
  const paid = invoice.status === 'paid';
  const color = paid ? 'var(--good)' : invoice.status === 'open' ? 'var(--bad)' : 'var(--dim)';
  return html`<circle cx="${mid(x(invoice.created))}" cy="${String(y)}" r="5" fill="${paid ? color : 'var(--paper)'}" stroke="${color}" stroke-width="2"><title>${day(invoice.created)}: ${money(invoice.total, invoice.currency)}, ${invoice.status ?? ''} (${invoice.billing_reason ?? ''})</title></circle>`;
}

function endOf(subscription: Subscription): number {
  return (
    subscription.ended_at ??
    Math.max(...subscription.items.data.map((item) => item.current_period_end))
  );
}

function invoicesOf(world: World, { id, customer }: Subscription): Invoice[] {
  return world.store
    .where('invoice', 'customer', customer)
    .filter((one) => one.parent?.subscription_details?.subscription === id);
}

function described(world: World, subscriptions: readonly Subscription[]): string {
  return subscriptions
    .map(
      (one) =>
        `${one.items.data[0]?.price.nickname ?? one.id}, ${one.status}, since ${day(one.start_date)}, ${invoicesOf(world, one).length} invoices`,
    )
    .join('; ');
}

function mid(value: number): string {
  return value.toFixed(1);
}
