import { HTTPException } from 'hono/http-exception';
import { inCredits } from '../credit/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { AppEnv, RequestContext } from './context.ts';
import type { AppDeps } from './deps.ts';
import { API_HEADERS, STRICT_TRANSPORT, withCookies } from './headers.ts';
import { observe } from './observe.ts';
import { createOriginGate } from './origins.ts';
import { addPages } from './pages.ts';
import { createParts } from './parts.ts';
import { asAnswered, problemHeaders, toProblem } from './problem.ts';
import type { AnsweredError } from './request-error.ts';
import { type App, addFallback, openApp } from './route.ts';
import { addAccounts } from './routes/accounts.ts';
import { addAdminAccounts } from './routes/admin-accounts.ts';
import { addAdminEvents } from './routes/admin-events.ts';
import { addAdminHealth } from './routes/admin-health.ts';
import { addCharges } from './routes/charges.ts';
import { addCheckout } from './routes/checkout.ts';
import { addDemo } from './routes/demo.ts';
import { addDocuments } from './routes/documents.ts';
import { addHealth, answerMetrics } from './routes/health.ts';
import { addJobs } from './routes/jobs.ts';
import { addLimits } from './routes/limits.ts';
import { addMembers } from './routes/members.ts';
import { addPlanChange } from './routes/plan-change.ts';
import { addPlanSession } from './routes/plan-session.ts';
import { addShop } from './routes/shop.ts';
import { addStatement } from './routes/statement.ts';
import { addTopUp } from './routes/top-up.ts';
import { addTransfers } from './routes/transfers.ts';
import { addUsage } from './routes/usage.ts';
import { addWebhook } from './routes/webhook.ts';

export type FlorinApp = {
  /** For any server of the Fetch API: Node through @hono/node-server, Next.js, Express, Deno. */
  readonly fetch: (request: Request, env?: unknown) => Response | Promise<Response>;
  /** Answers `/metrics` alone and asks for no key: for a port that the public does not reach. */
  readonly fetchMetrics: (request: Request) => Promise<Response>;
  /** Calls the app without a network, for tests. */
  readonly request: App['request'];
  /** Ends live streams; the rest ends by itself. */
  close(): void;
};

/** The service as a Fetch handler: routes, guards and pages over what is passed in. */
export function createApp(deps: AppDeps): FlorinApp {
  const parts = createParts(deps);
  const { logger, ids } = deps;
  const app = openApp();

  app.onError((thrown, c) => answerProblem(thrown, { c, deps }));
  app.use('*', observe({ logger, ids, metrics: parts.metrics }));
  const { credit } = deps.catalog;
  if (credit.decimals > 0) {
    app.use('*', (c, next) => {
      c.set('credit', credit);
      return next();
    });
  }
  // Machines first: no page of any origin calls these, and no guard of browsers slows them down.
  addWebhook(app, parts);
  addAccounts(app, parts);
  addCharges(app, parts);
  addHealth(app, parts);
  addJobs(app, parts);
  if (isBehindHttps(deps)) {
    app.use('*', async (c, next) => {
      await next();
      c.res.headers.set('strict-transport-security', STRICT_TRANSPORT);
    });
  }
  app.use('/api/*', createOriginGate(deps.config.allowedOrigins));
  addShop(app, parts);
  addPlanSession(app, parts);
  addCheckout(app, parts);
  addPlanChange(app, parts);
  addTopUp(app, parts);
  addStatement(app, parts);
  addUsage(app, parts);
  addLimits(app, parts);
  addMembers(app, parts);
  addTransfers(app, parts);
  addAdminEvents(app, parts);
  addAdminAccounts(app, parts);
  addAdminHealth(app, parts);
  addDemo(app, parts);
  addDocuments(app, credit);
  addPages(app, parts);
  addFallback(app);
  return {
    fetch: (request, env) => app.fetch(request, (env ?? {}) as AppEnv['Bindings']),
    fetchMetrics: (request) => answerMetrics(parts, request),
    request: app.request,
    close: () => parts.feed.close(),
  };
}

function isBehindHttps({ config }: AppDeps): boolean {
  return config.appUrl.startsWith('https:');
}

function answerProblem(
  thrown: unknown,
  { c, deps }: { c: RequestContext; deps: AppDeps },
): Response {
  const error = asAnswered(inCredits(deps.catalog.credit, fromHono(thrown)));
  const requestId = c.get('requestId') ?? '';
  const problem = toProblem(error, requestId);
  c.set('code', error.code);
  if (problem.status >= 500) {
    // The cause is for the log alone; problems carry words that were written for callers.
    const fields = { requestId, code: error.code, error: error.message, stack: stackOf(error) };
    deps.logger.error(fields, 'request met an error');
  }
  const response = new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      ...API_HEADERS,
      ...problemHeaders(error),
      ...(isBehindHttps(deps) ? { 'strict-transport-security': STRICT_TRANSPORT } : {}),
      'x-request-id': requestId,
    },
  });
  return withCookies(response, c.get('cookies') ?? []);
}

/** What the framework itself refuses: a broken body, a path that cannot be decoded. */
function fromHono(thrown: unknown): unknown {
  return thrown instanceof HTTPException || thrown instanceof URIError
    ? new FlorinError('invalid_input', 'The request is malformed.', { cause: thrown })
    : thrown;
}

function stackOf(error: AnsweredError): string | undefined {
  return error.code === 'internal'
    ? (error.cause instanceof Error ? error.cause : error).stack
    : undefined;
}
