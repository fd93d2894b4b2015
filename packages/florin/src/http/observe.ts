import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Backlog, ReconcileFigures } from '../console/index.ts';
import type { Database, PoolFigures } from '../db/index.ts';
import type { IdSource, Logger } from '../kernel/index.ts';
import { FINDING_KINDS } from '../reconcile/index.ts';
import type { Middleware } from './context.ts';

export type Metrics = {
  readonly registry: Registry;
  readonly requests: Histogram<'method' | 'route' | 'status'>;
  readonly deliveries: Counter<'outcome'>;
  readonly streams: Gauge;
  /** Asks the database for what waits in the inbox; without an answer `florin_database_up` is 0. */
  measureInbox(read: () => Promise<Backlog>): Promise<void>;
  /** Asks the database what scheduled runs of reconcile found; without an answer the figures stay. */
  measureReconcile(read: () => Promise<ReconcileFigures>): Promise<void>;
};

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The service's own figures, in a registry of its own: several apps may live in one process. */
export function createMetrics(db: Pick<Database, 'figures'>): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  addPoolFigures(registers, db);
  return {
    registry,
    requests: new Histogram({
      name: 'florin_http_request_duration_seconds',
      help: 'How long requests took, by route, method and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS,
      registers,
    }),
    deliveries: new Counter({
      name: 'florin_webhook_deliveries_total',
      help: 'Deliveries from Stripe by what became of them.',
      labelNames: ['outcome'],
      registers,
    }),
    streams: new Gauge({
      name: 'florin_balance_streams',
      help: 'Open live-balance streams.',
      registers,
    }),
    measureInbox: inboxGauges(registers),
    measureReconcile: reconcileGauges(registers),
  };
}

/** Read from the pool whenever the figures are asked for. */
function addPoolFigures(registers: Registry[], db: Pick<Database, 'figures'>): void {
  const gauge = (name: string, help: string, read: (figures: PoolFigures) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(db.figures()));
      },
    });
  const counter = (name: string, help: string, read: (figures: PoolFigures) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(db.figures()));
      },
    });
  gauge('florin_database_connections', 'Open connections.', ({ open }) => open);
  gauge(
    'florin_database_waiting',
    'Callers that wait for a connection, or for their share of them.',
    ({ waiting }) => waiting,
  );
  counter('florin_database_lent_total', 'How often a connection was lent.', ({ lent }) => lent);
  counter(
    'florin_database_wait_seconds_total',
    'How long all callers together waited for a connection.',
    ({ waitedSeconds }) => waitedSeconds,
  );
  counter(
    'florin_account_busy_total',
    'Calls that were refused because too much waited for one account.',
    ({ refused }) => refused,
  );
}

function inboxGauges(registers: Registry[]): Metrics['measureInbox'] {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const up = gauge('florin_database_up', 'Whether the database answered.');
  const waiting = gauge('florin_inbox_waiting', 'Events that will be tried again by themselves.');
  const attention = gauge('florin_inbox_attention', 'Events that someone has to look at.');
  const lag = gauge('florin_inbox_lag_seconds', 'How late the most overdue attempt is.');
  return async (read) => {
    try {
      const backlog = await read();
      up.set(1);
      waiting.set(backlog.waiting);
      attention.set(backlog.needingAttention);
      lag.set(backlog.lagSeconds);
    } catch {
      // The figures of the inbox stay at what was last known; this one says how old they are.
      up.set(0);
    }
  };
}

function reconcileGauges(registers: Registry[]): Metrics['measureReconcile'] {
  const found = new Gauge({
    name: 'florin_reconcile_findings',
    help: 'Faults that scheduled runs of reconcile found and no later run has cleared, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const completed = new Gauge({
    name: 'florin_reconcile_last_completed_timestamp_seconds',
    help: 'When a scheduled run of reconcile last ended with an answer; 0: never.',
    registers,
  });
  const failing = new Gauge({
    name: 'florin_reconcile_failing',
    help: 'Whether the last scheduled run of reconcile ended without an answer.',
    registers,
  });
  return async (read) => {
    try {
      const figures = await read();
      found.reset();
      for (const kind of [...FINDING_KINDS, 'unlisted']) {
        found.set({ kind }, figures.found[kind] ?? 0);
      }
      completed.set((figures.completedAt?.getTime() ?? 0) / 1000);
      failing.set(figures.failing ? 1 : 0);
    } catch {
      // As with the inbox, the figures stay as they were last known, and florin_database_up says so.
    }
  };
}

/** One structured line and one measurement a request: ids and outcomes, no bodies, no credentials. */
export function observe(options: { logger: Logger; metrics: Metrics; ids: IdSource }): Middleware {
  const { logger, metrics, ids } = options;
  return async function observed(c, next) {
    const started = performance.now();
    c.set('requestId', ids.uuid());
    await next();
    const ms = performance.now() - started;
    const { status } = c.res;
    const { method } = c.req;
    const route = c.get('route') ?? 'unknown';
    metrics.requests.observe({ method, route, status }, ms / 1000);
    const code = c.get('code');
    const accountId = c.get('accountId');
    const fields = {
      requestId: c.get('requestId'),
      method,
      route,
      status,
      ms: Math.round(ms * 10) / 10,
      ...(code === undefined ? {} : { code }),
      ...(accountId === undefined ? {} : { accountId }),
    };
    if (status >= 500) {
      logger.error(fields, 'request failed');
    } else if (QUIET.has(route) && status < 400) {
      logger.debug(fields, 'request answered');
    } else {
      logger.info(fields, 'request answered');
    }
  };
}

/** Machines ask these every few seconds: only a failure is worth a line. */
const QUIET = new Set(['/healthz', '/readyz', '/metrics', '/assets/*']);
