import { backoff, type FlorinError } from '../kernel/index.ts';
import { isUnknownToStripe, toStripeFlorinError } from '../stripe/index.ts';
import { consequenceOf, failureCodeOf } from './decline.ts';
import type { ChargeDeps } from './deps.ts';
import { addLine, deleteDraft, type Invoice, isAsAgreed, topUpInvoice } from './invoice.ts';
import { isStillSaved } from './payment-method.ts';
import { type Move, moveTopUp, type OpenTopUp } from './top-up.ts';

const AT_ONCE = 0;
/** Paid ones are looked at again to say so when their credits do not come. */
const CREDITS_ARE_LATE_SECONDS = 900;
/** A buyer whose bank wants to see them has this long; then the invoice is voided. */
const ACTION_SECONDS = 3 * 86_400;
const MAX_WAIT_SECONDS = 3_600;
/** Until a step that Stripe did not answer is tried again. */
const RETRY_SECONDS = { first: 20, max: MAX_WAIT_SECONDS };
/** Answers after which the same request would be refused again; 401 and 403 are the key's fault. */
const REFUSALS: ReadonlySet<number> = new Set([400, 402, 404]);

/**
 * Takes a leased top-up as far as it goes now. Every step is one that may be repeated by anybody at
 * any time: the invoice is noted before anything is paid, requests carry keys made of the top-up's id,
 * and Stripe pays an invoice once. What Stripe does not answer is tried again later.
 */
export async function advanceTopUp(deps: ChargeDeps, topUp: OpenTopUp): Promise<void> {
  const { db, logger } = deps;
  const { topUpId, accountId, status, attempts } = topUp;
  const move = await nextMove(deps, topUp).catch((thrown: unknown): Move => {
    const { code, message: failure } = toStripeFlorinError(thrown);
    const fields = { topUpId, accountId, status, attempts, code, error: failure };
    logger.error(fields, 'a top-up waits for another attempt');
    return { to: status, inSeconds: backoff(attempts, RETRY_SECONDS), failure };
  });
  if (move === undefined) {
    return;
  }
  if ((await moveTopUp(db, topUp, move)) && move.to !== status) {
    const { to, failureCode } = move;
    logger.info({ topUpId, accountId, from: status, to, failureCode }, 'a top-up moved on');
  }
}

/** The next step of a top-up; none when it is closed. */
async function nextMove(deps: ChargeDeps, topUp: OpenTopUp): Promise<Move | undefined> {
  switch (topUp.status) {
    case 'charging':
      return charge(deps, topUp);
    case 'voiding':
      return voidInvoice(deps, topUp);
    case 'needs_action':
      return {
        to: 'voiding',
        inSeconds: AT_ONCE,
        failureCode: 'authentication_required',
        failure: 'The buyer did not confirm the payment in time.',
      };
    case 'paid':
      deps.logger.error(
        { topUpId: topUp.topUpId, accountId: topUp.accountId, invoiceId: topUp.invoiceId },
        'a top-up is paid and its credits have not come: florin reconcile --repair',
      );
      return { to: 'paid', inSeconds: CREDITS_ARE_LATE_SECONDS };
    case 'credited':
    case 'failed':
      // Another worker closed it after this one had claimed it.
      return undefined;
  }
}

async function charge(deps: ChargeDeps, topUp: OpenTopUp): Promise<Move> {
  if (topUp.consentStatus === 'off') {
    return toVoid('stopped', 'The buyer turned top-up off.');
  }
  const made = await orRefused(topUpInvoice(deps, topUp), 'stripe_rejected');
  if ('to' in made) {
    return made;
  }
  const ready = made.status === 'draft' ? await finalize(deps, topUp, made) : made;
  if ('to' in ready) {
    return ready;
  }
  return ready.status === 'open' ? pay(deps, topUp, ready) : asItStands(topUp, ready);
}

/** Puts the line on the draft and closes it, if it then charges what was agreed to. */
async function finalize(
  deps: ChargeDeps,
  topUp: OpenTopUp,
  invoice: Invoice,
): Promise<Invoice | Move> {
  const draft = await orRefused(addLine(deps, topUp, invoice), 'price_changed');
  if ('to' in draft) {
    return draft;
  }
  if (!isAsAgreed(draft, topUp)) {
    return toVoid('price_changed', `Stripe charges ${draft.subtotal} ${draft.currency} now.`);
  }
  return orRefused(
    deps.stripe.invoices.finalizeInvoice(
      draft.id,
      { auto_advance: false },
      { idempotencyKey: `top-up:${topUp.topUpId}:finalize` },
    ),
    'stripe_rejected',
  );
}

async function pay({ stripe }: ChargeDeps, topUp: OpenTopUp, invoice: Invoice): Promise<Move> {
  const { topUpId, paymentMethodId } = topUp;
  try {
    const paid = await stripe.invoices.pay(
      invoice.id,
      { payment_method: paymentMethodId, off_session: true },
      { idempotencyKey: `top-up:${topUpId}:pay` },
    );
    return asItStands(topUp, paid);
  } catch (error) {
    const refusal = refusalIn(error);
    // Refused, or paid already: by the buyer on its page, or by a request whose answer was lost.
    const now = await stripe.invoices.retrieve(invoice.id);
    if (now.status !== 'open') {
      return asItStands(topUp, now);
    }
    const failureCode = (await isStillSaved(stripe, topUp))
      ? failureCodeOf(refusal)
      : 'no_payment_method';
    return failureCode === 'authentication_required' && now.hosted_invoice_url
      ? {
          to: 'needs_action',
          inSeconds: ACTION_SECONDS,
          failureCode,
          hostedInvoiceUrl: now.hosted_invoice_url,
        }
      : toVoid(failureCode, refusal.message);
  }
}

/** An invoice that nobody can pay any more; a refusal to void one that is paid is no failure. */
async function voidInvoice(deps: ChargeDeps, topUp: OpenTopUp): Promise<Move> {
  const { stripe } = deps;
  if (topUp.invoiceId === null) {
    return toFailed(topUp);
  }
  const invoice = await stripe.invoices.retrieve(topUp.invoiceId).catch((error: unknown) => {
    if (isUnknownToStripe(error)) {
      return undefined;
    }
    throw error;
  });
  switch (invoice?.status) {
    case 'paid':
      return { to: 'paid', inSeconds: CREDITS_ARE_LATE_SECONDS };
    case 'draft':
      await deleteDraft(deps, invoice.id);
      break;
    case 'open':
      // Paid in this very moment: the next attempt sees it.
      await stripe.invoices.voidInvoice(invoice.id);
      break;
    default:
      break;
  }
  return toFailed(topUp);
}

/** What a finalized invoice means; one that a person voided in Stripe is no decline of the card. */
function asItStands(topUp: OpenTopUp, { status }: Invoice): Move {
  if (status === 'paid') {
    return { to: 'paid', inSeconds: CREDITS_ARE_LATE_SECONDS };
  }
  if (status === 'open') {
    // A method that takes its time; the invoice says when it is through.
    return {
      to: 'charging',
      inSeconds: MAX_WAIT_SECONDS,
      failure: 'The payment is under way.',
    };
  }
  return toFailed({ ...topUp, failureCode: `invoice_${status}` });
}

function toVoid(failureCode: string, failure: string): Move {
  return { to: 'voiding', inSeconds: AT_ONCE, failureCode, failure };
}

function toFailed({ failureCode, declines }: OpenTopUp): Move {
  const { pause, notBeforeSeconds } = consequenceOf(failureCode ?? 'unknown', declines);
  return { to: 'failed', failureCode: failureCode ?? 'unknown', pause, notBeforeSeconds };
}

/** Stripe's answer, or what its refusal means. */
async function orRefused(asked: Promise<Invoice>, failureCode: string): Promise<Invoice | Move> {
  try {
    return await asked;
  } catch (error) {
    return toVoid(failureCode, refusalIn(error).message);
  }
}

/** Stripe's definite no; whatever else was thrown is thrown on, for nothing is known then. */
function refusalIn(error: unknown): FlorinError {
  const mapped = toStripeFlorinError(error);
  if (!REFUSALS.has(Number(mapped.details['status']))) {
    throw mapped;
  }
  return mapped;
}
