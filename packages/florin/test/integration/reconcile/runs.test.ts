import { describe, expect, it, onTestFinished } from 'vitest';
import { PRICES, sandboxUnderTest } from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import {
  readReconcileRuns,
  reconcileFigures,
  summarizeReconcile,
} from '../../../src/console/index.ts';
import { reconcileByHand, reconcileWhenDue } from '../../../src/reconcile/index.ts';
import { createStripeLookups } from '../../../src/stripe/index.ts';
import { ACCOUNT } from '../webhooks/objects.ts';
import { asOwner, openShop } from '../webhooks/shop.ts';

/** A shop whose endpoint is down, and a purchase of long enough ago that it should have arrived. */
async function cutOffShop() {
  const { sandbox, stripe } = await sandboxUnderTest({ prices: PRICES });
  const clock = { now: () => new Date((sandbox.now() + 1_000) * 1000) };
  const shop = (await openShop()).with({ stripe: createStripeLookups(stripe), clock });
  onTestFinished(() => shop.close());
  const deps = { ...shop.deps, client: stripe };
  const buy = async () => {
    const opened = await stripe.checkout.sessions.create({
      mode: 'payment',
      client_reference_id: ACCOUNT,
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      success_url: 'http://shop.test/',
      cancel_url: 'http://shop.test/cancel',
    });
    sandbox.pay(opened.id);
    return opened.id;
  };
  const runs = () => readReconcileRuns(deps.db);
  const later = (interval: string) =>
    asOwner(
      shop.fresh,
      `update billing.reconcile_runs set started_at = started_at - interval '${interval}',
              finished_at = finished_at - interval '${interval}'`,
    );
  return { sandbox, shop, deps, buy, runs, later };
}

describe('the runs of reconcile', () => {
  it('are one a day of everything and one an hour of the last day, however many services ask', async () => {
    const { deps, later, runs } = await cutOffShop();
    const ask = async () => {
      const answers = await Promise.all([1, 2, 3].map(() => reconcileWhenDue(deps)));
      return answers.filter((answer) => answer !== undefined).length;
    };
    expect(await ask()).toBe(1);
    expect((await runs()).map(({ kind }) => kind)).toEqual(['daily']);
    expect(await ask()).toBe(0);
    await later('59 minutes');
    expect(await ask()).toBe(0);
    await later('2 minutes');
    expect(await ask()).toBe(1);
    expect((await runs()).map(({ kind }) => kind)).toEqual(['hourly', 'daily']);
    await later('24 hours');
    expect(await ask()).toBe(1);
    expect((await runs()).map(({ kind, state }) => [kind, state])).toEqual([
      ['daily', 'done'],
      ['hourly', 'done'],
    ]);
  });

  it('keep each finding with its remedy and without the payload of its event', async () => {
    const { deps, buy, runs } = await cutOffShop();
    const sessionId = await buy();
    const report = await reconcileWhenDue(deps);
    const [run] = await runs();
    expect(run).toMatchObject({ kind: 'daily', state: 'done', sinceDays: 30, startedBy: null });
    expect(run?.found).toBe(report?.findings.length);
    expect(run?.findings).toContainEqual({
      kind: 'paid_not_credited',
      subject: expect.stringContaining(sessionId),
      accountId: ACCOUNT,
      ids: expect.objectContaining({ objectId: sessionId }),
      credits: 50,
      explanation: expect.stringContaining('is paid and not credited: 50 credits'),
      remedy: `Process ${sessionId} as the webhook would.`,
      repairable: true,
    });
    expect(run?.finishedAt?.getTime()).toBeGreaterThanOrEqual(run?.startedAt.getTime() ?? 0);
  });

  it('that could not compare say why, do not hide what the last one found, and are made again', async () => {
    const { deps, buy, runs, later, sandbox } = await cutOffShop();
    await buy();
    const before = (await reconcileWhenDue(deps))?.findings.length;
    await later('25 hours');
    await sandbox.stop();
    await expect(reconcileWhenDue(deps)).rejects.toMatchObject({ code: 'stripe_unavailable' });
    expect(await runs()).toMatchObject([
      { kind: 'daily', state: 'failed', errorCode: 'stripe_unavailable', findings: null },
      { kind: 'daily', state: 'done', found: before },
    ]);
    expect(summarizeReconcile(await runs())).toMatchObject({
      found: before,
      error: expect.stringContaining('Stripe did not answer'),
    });
    expect(reconcileFigures(await runs())).toEqual({
      found: { paid_not_credited: 1, undelivered_event: 1 },
      completedAt: expect.any(Date),
      failing: true,
    });
    expect(await reconcileWhenDue(deps)).toBeUndefined();
    await later('61 minutes');
    await expect(reconcileWhenDue(deps)).rejects.toMatchObject({ code: 'stripe_unavailable' });
    expect((await runs())[0]).toMatchObject({ kind: 'daily', state: 'failed' });
  });

  it('whose process was stopped are told from those that are under way', async () => {
    const { deps, runs, later } = await cutOffShop();
    await deps.db.query("select billing.begin_reconcile('daily', 30, null, interval '1 day')");
    expect(await runs()).toMatchObject([{ kind: 'daily', state: 'running', finishedAt: null }]);
    expect(summarizeReconcile(await runs())).toEqual({
      found: null,
      scheduledAt: null,
      error: null,
    });
    await later('61 minutes');
    expect(await runs()).toMatchObject([{ kind: 'daily', state: 'lost' }]);
    expect(summarizeReconcile(await runs()).error).toContain('never ended');
  });

  it('by hand look at what happened this minute, one at a time, and change nothing', async () => {
    const { shop, deps, buy, runs } = await cutOffShop();
    await buy();
    const ask = () => reconcileByHand(deps, { sinceDays: 3, startedBy: 'ada' });
    const answers = await Promise.allSettled([ask(), ask()]);
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'conflict' },
    });
    expect(await runs()).toMatchObject([
      { kind: 'by_hand', state: 'done', sinceDays: 3, startedBy: 'ada', found: 2 },
    ]);
    expect(await shop.balance()).toBe(0);
    expect(await reconcileWhenDue(deps)).toBeDefined();
  });

  it('are forgotten after thirty days', async () => {
    const { deps, runs, later } = await cutOffShop();
    await reconcileWhenDue(deps);
    await later('31 days');
    await reconcileByHand(deps, { sinceDays: 1, startedBy: 'ada' });
    expect((await runs()).map(({ kind }) => kind)).toEqual(['by_hand']);
  });
});
