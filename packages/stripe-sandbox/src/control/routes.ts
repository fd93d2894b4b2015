import type { Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { ApiError } from '../api/errors.ts';
import { customerPage } from '../pages/customer-page.ts';
import { dashboardPage } from '../pages/dashboard.ts';
import { shown } from '../pages/pages.ts';
import { requestPage, requestsPage } from '../pages/request-pages.ts';
import type { World } from '../world.ts';
import type { SandboxControl } from './control.ts';

const whole = z.coerce.number().int().min(0);
const positive = z.coerce.number().int().min(1);
const maybe = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const moved = z.object({
  seconds: maybe(whole),
  minutes: maybe(whole),
  hours: maybe(whole),
  days: maybe(whole),
  months: maybe(whole),
  finalizeDrafts: maybe(z.coerce.boolean()),
});
const outcomes = z.enum(['won', 'lost', 'warning_closed', 'prevented']);
const faults = z.object({
  duplicates: maybe(whole),
  delayMs: maybe(whole),
  reorder: maybe(z.coerce.boolean()),
  dropNext: maybe(z.coerce.number().int().min(-1)),
  dropTypes: maybe(z.array(z.string())),
  twins: maybe(z.coerce.boolean()),
  down: maybe(z.coerce.boolean()),
});

type Action = (control: SandboxControl, body: unknown) => unknown;

/** What can be done by hand, by name: `POST /sandbox/api/<name>`, as JSON or as a form. */
const ACTIONS: Readonly<Record<string, Action>> = {
  pay: (control, body) => {
    const { session, ...how } = z
      .object({
        session: z.string(),
        card: maybe(z.string()),
        email: maybe(z.string()),
        promotionCode: maybe(z.string()),
        amount: maybe(positive),
        presentment: maybe(z.object({ amount: positive, currency: z.string().length(3) })),
      })
      .parse(body);
    return control.pay(session, given(how));
  },
  settle: (control, body) => {
    const { intent, as } = z
      .object({ intent: z.string(), as: z.enum(['succeeded', 'failed']).default('succeeded') })
      .parse(body);
    return control.settle(intent, as);
  },
  refund: (control, body) => {
    const { charge, ...rest } = z
      .object({
        charge: z.string(),
        amount: maybe(positive),
        reason: maybe(z.string()),
        status: maybe(z.enum(['succeeded', 'pending', 'requires_action'])),
      })
      .parse(body);
    return control.refund({ charge, ...given(rest) });
  },
  'finish-refund': (control, body) => {
    const { refund, as } = z
      .object({ refund: z.string(), as: z.enum(['succeeded', 'failed', 'canceled']) })
      .parse(body);
    return control.finishRefund(refund, as);
  },
  dispute: (control, body) => {
    const { charge, ...rest } = z
      .object({
        charge: z.string(),
        amount: maybe(positive),
        reason: maybe(z.string()),
        inquiry: maybe(z.coerce.boolean()),
      })
      .parse(body);
    return control.dispute(charge, given(rest));
  },
  'escalate-dispute': (control, body) =>
    control.escalateDispute(z.object({ dispute: z.string() }).parse(body).dispute),
  'close-dispute': (control, body) => {
    const { dispute, outcome } = z.object({ dispute: z.string(), outcome: outcomes }).parse(body);
    return control.closeDispute(dispute, outcome);
  },
  'warn-of-fraud': (control, body) =>
    control.warnOfFraud(z.object({ charge: z.string() }).parse(body).charge),
  'cancel-subscription': (control, body) =>
    control.cancelSubscription(z.object({ subscription: z.string() }).parse(body).subscription),
  'set-card': (control, body) => {
    const { customer, card } = z.object({ customer: z.string(), card: z.string() }).parse(body);
    control.setCard(customer, card);
    return { customer, card };
  },
  advance: (control, body) => control.advance(given(moved.parse(body))),
  faults: (control, body) => {
    const { dropNext, ...rest } = given(faults.parse(body));
    const drop = dropNext === undefined ? {} : { dropNext: dropNext === -1 ? Infinity : dropNext };
    return control.faults({ ...rest, ...drop });
  },
  'reset-faults': (control) => {
    control.resetFaults();
    return control.faults({});
  },
  'rate-limit-next': (control, body) => {
    const { n } = z.object({ n: whole }).parse(body);
    control.rateLimitNext(n);
    return { n };
  },
  'lose-answers': (control, body) => {
    const { n } = z.object({ n: whole }).parse(body);
    control.loseAnswers(n);
    return { n };
  },
  'fail-next': (control, body) => {
    const { n } = z.object({ n: whole }).parse(body);
    control.failNext(n);
    return { n };
  },
  resend: (control, body) => {
    const { event } = z.object({ event: z.string() }).parse(body);
    control.resend(event);
    return { event };
  },
  'retry-now': (control) => {
    control.retryNow();
    return {};
  },
};

/** Leaves out what was not said. */
function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** The dashboard, and its actions. Only pages of the sandbox itself may post forms. */
export function mountControl(app: Hono, world: World, control: SandboxControl): void {
  app.get('/', (context) => context.redirect('/sandbox'));
  app.get('/sandbox', (context) => shown(context, () => dashboardPage(world)));
  app.get('/sandbox/requests', (context) => shown(context, () => requestsPage(world)));
  app.get('/sandbox/requests/:id', (context) =>
    shown(context, () => requestPage(world, context.req.param('id'))),
  );
  app.get('/sandbox/customers/:id', (context) =>
    shown(context, () => customerPage(world, context.req.param('id'))),
  );
  app.get('/sandbox/health', (context) => context.json({ status: 'ok', now: control.now() }));
  app.get('/sandbox/api/deliveries', (context) => context.json(control.deliveries()));
  app.use('/sandbox/api/*', bodyLimit({ maxSize: 64 * 1024 }));
  app.post('/sandbox/api/:action', async (context) => {
    const form = isForm(context);
    if (isForeign(context)) {
      return context.json({ error: { message: 'Not from another site.' } }, 403);
    }
    try {
      const action = ACTIONS[context.req.param('action')];
      if (action === undefined) {
        return context.json({ error: { message: 'No such action.' } }, 404);
      }
      const result = action(control, await readBody(context, form));
      return form ? context.redirect('/sandbox', 303) : context.json(result as object);
    } catch (error) {
      return refusal(context, error);
    }
  });
}

function isForm(context: Context): boolean {
  return (context.req.header('content-type') ?? '').startsWith('application/x-www-form-urlencoded');
}

/** A browser says where a request comes from; another site's page must not press the buttons. */
function isForeign(context: Context): boolean {
  const site = context.req.header('sec-fetch-site');
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}

async function readBody(context: Context, form: boolean): Promise<unknown> {
  const text = await context.req.text();
  if (form) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  return text === '' ? {} : JSON.parse(text);
}

function refusal(context: Context, error: unknown): Response {
  if (error instanceof ApiError) {
    return context.json({ error: error.body }, error.status as 400);
  }
  if (error instanceof z.ZodError || error instanceof SyntaxError) {
    return context.json({ error: { message: error.message } }, 400);
  }
  throw error;
}
