import {
  type Health,
  readHealth,
  readReconcileRuns,
  summarizeReconcile,
} from '../../console/index.ts';
import { ADMIN_HEALTH } from '../../contract/index.ts';
import { packageVersion } from '../../kernel/index.ts';
import { reconcileByHand } from '../../reconcile/index.ts';
import { readJson } from '../body.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

const HEALTH_KEPT_MS = 5_000;

/** Adds the service's health, what reconcile found, and a run of it by hand. */
export function addAdminHealth(
  app: App,
  { callers, clock, db, logger, stripe, webhooks }: Parts,
): void {
  let recent: { at: number; health: Promise<Health> } | undefined;

  function readRecentHealth(): Promise<Health> {
    const now = clock.now().getTime();
    if (recent === undefined || now - recent.at > HEALTH_KEPT_MS) {
      recent = { at: now, health: readHealth({ db, stripe }) };
      // A failure is answered, and not remembered.
      recent.health.catch(() => {
        recent = undefined;
      });
    }
    return recent.health;
  }

  addRoute(app, ADMIN_HEALTH.read, async (c) => {
    await callers.operator(c);
    // The runs are read each time: somebody may have compared just now.
    const [health, runs] = await Promise.all([readRecentHealth(), readReconcileRuns(db)]);
    return { ...health, reconcile: summarizeReconcile(runs), version: packageVersion() };
  });

  addRoute(app, ADMIN_HEALTH.reconcileRuns, async (c) => {
    await callers.operator(c);
    return { runs: await readReconcileRuns(db) };
  });

  addRoute(app, ADMIN_HEALTH.reconcile, async (c) => {
    const operator = await callers.operator(c);
    const { days } = await readJson(c, ADMIN_HEALTH.reconcile.body);
    const run = { sinceDays: days, startedBy: operator };
    const { findings } = await reconcileByHand({ ...webhooks, client: stripe }, run);
    logger.info({ days, operator, findings: findings.length }, 'an operator reconciles');
    return { runs: await readReconcileRuns(db) };
  });
}
