import type { Context, Hono } from 'hono';
import { html } from 'hono/html';
import { ApiError } from '../api/errors.ts';
import { openLink } from '../checkout/payment-links.ts';
import type { World } from '../world.ts';
import { answerAuthentication, authenticatePage } from './authenticate-page.ts';
import {
  applyPromotion,
  changeAmount,
  changeQuantity,
  chooseOptional,
  explain,
  pressCancel,
  pressPay,
  type Step,
} from './checkout-actions.ts';
import { type CheckoutNotice, checkoutPage } from './checkout-page.ts';
import { document, type Html, PAGE_HEADERS } from './html.ts';
import { pressPayInvoice } from './invoice-actions.ts';
import { invoicePage, receiptPage } from './invoice-page.ts';
import { confirmFlow, portalOrFlowPage } from './portal-flow-page.ts';
import { portalAction } from './portal-page.ts';

/** The pages that buyers see: checkout, 3-D Secure, portal, invoices. */
export function mountPages(app: Hono, world: World): void {
  const step = (context: Context, act: Form['act']) =>
    stepped(context, { act, page: (id, notice) => checkoutPage(world, id, notice) });
  app.get('/c/pay/:id', (context) =>
    shown(context, () =>
      checkoutPage(world, context.req.param('id'), {
        error:
          context.req.query('declined') === undefined
            ? undefined
            : 'Your bank did not approve the payment. Try another card; nothing was charged.',
      }),
    ),
  );
  app.post('/c/pay/:id', (context) => step(context, (id, fields) => pressPay(world, id, fields)));
  app.post('/c/pay/:id/promotion', (context) =>
    step(context, (id, fields) => applyPromotion(world, id, fields['code'] ?? '')),
  );
  app.post('/c/pay/:id/quantity', (context) =>
    step(context, (id, fields) => changeQuantity(world, id, fields)),
  );
  app.post('/c/pay/:id/amount', (context) =>
    step(context, (id, fields) => changeAmount(world, id, fields)),
  );
  app.post('/c/pay/:id/optional', (context) =>
    step(context, (id, fields) => chooseOptional(world, id, fields)),
  );
  app.post('/c/pay/:id/cancel', (context) =>
    step(context, (id) => ({ to: pressCancel(world, id) })),
  );
  app.get('/link/:id', (context) =>
    redirected(context, () => {
      const session = world.store.commit(() =>
        openLink(world, context.req.param('id'), {
          clientReferenceId: context.req.query('client_reference_id'),
          email: context.req.query('prefilled_email'),
        }),
      );
      return session.url ?? '/';
    }),
  );
  app.get('/authenticate/:id', (context) =>
    shown(context, () => authenticatePage(world, context.req.param('id'))),
  );
  app.post('/authenticate/:id', async (context) => {
    const fields = await readFields(context);
    return redirected(context, () =>
      answerAuthentication(world, context.req.param('id'), fields['answer'] === 'approve'),
    );
  });
  mountBillingPages(app, world);
}

function mountBillingPages(app: Hono, world: World): void {
  app.get('/p/session/:id', (context) =>
    shown(context, () => portalOrFlowPage(world, context.req.param('id'))),
  );
  app.post('/p/session/:id/flow', async (context) => {
    const fields = await readFields(context);
    return redirected(context, () => confirmFlow(world, context.req.param('id'), fields));
  });
  app.post('/p/session/:id/subscriptions/:subscription', async (context) => {
    const fields = await readFields(context);
    const session = context.req.param('id');
    return redirected(context, () => {
      portalAction(world, { session, subscription: context.req.param('subscription') }, fields);
      return `/p/session/${session}`;
    });
  });
  app.get('/invoices/:id', (context) =>
    shown(context, () => invoicePage(world, context.req.param('id'))),
  );
  app.post('/invoices/:id', (context) =>
    stepped(context, {
      act: (id, fields) => pressPayInvoice(world, id, fields),
      page: (id, notice) => invoicePage(world, id, notice),
    }),
  );
  app.get('/invoices/:id/pdf', (context) =>
    context.redirect(`/invoices/${context.req.param('id')}`),
  );
  app.get('/receipts/:id', (context) =>
    shown(context, () => receiptPage(world, context.req.param('id'))),
  );
}

/** A form of a page: what it does, and the page again where that was refused. */
type Form = {
  act: (id: string, fields: Record<string, string>) => Step;
  page: (id: string, notice: CheckoutNotice) => Html;
};

async function stepped(context: Context, form: Form): Promise<Response> {
  const fields = await readFields(context);
  const id = context.req.param('id') ?? '';
  try {
    const step = form.act(id, fields);
    if ('to' in step) {
      return context.redirect(step.to, 303);
    }
    return shown(context, () => form.page(id, step));
  } catch (error) {
    return failed(context, error);
  }
}

export async function readFields(context: Context): Promise<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(await context.req.text()));
}

export function redirected(context: Context, act: () => string): Response | Promise<Response> {
  try {
    return context.redirect(act(), 303);
  } catch (error) {
    return failed(context, error);
  }
}

export function shown(context: Context, page: () => Html): Response | Promise<Response> {
  try {
    return context.html(page(), 200, { ...PAGE_HEADERS });
  } catch (error) {
    return failed(context, error);
  }
}

function failed(context: Context, error: unknown): Response | Promise<Response> {
  const status = error instanceof ApiError ? error.status : 500;
  const page = document(
    'Not possible',
    html`<h1>Not possible</h1><p role="alert">${explain(error)}</p>`,
    { narrow: true },
  );
  return context.html(page, status as 400, { ...PAGE_HEADERS });
}
