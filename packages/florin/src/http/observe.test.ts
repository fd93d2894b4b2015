import { expect, it } from 'vitest';
import { createMetrics } from './observe.ts';

it('a database that does not answer is told as 0, and what was known of the inbox stays', async () => {
  const metrics = createMetrics();
  const backlog = { waiting: 3, needingAttention: 2, lagSeconds: 0.5 };
  const figures = async () =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => /^florin_(inbox|data)/.test(line));
  await metrics.measureInbox(async () => backlog);
  const inbox = [
    'florin_inbox_waiting 3',
    'florin_inbox_attention 2',
    'florin_inbox_lag_seconds 0.5',
  ];
  expect(await figures()).toEqual(['florin_database_up 1', ...inbox]);
  await metrics.measureInbox(async () => {
    throw new Error('away');
  });
  expect(await figures()).toEqual(['florin_database_up 0', ...inbox]);
});

it('what reconcile found is told by kind, zeros too, and stays while the database does not answer', async () => {
  const metrics = createMetrics();
  const figures = async () =>
    (await metrics.registry.metrics()).split('\n').filter((line) => /^florin_reconcile/.test(line));
  expect(await figures()).toContain('florin_reconcile_last_completed_timestamp_seconds 0');
  await metrics.measureReconcile(async () => ({
    found: { drift: 2, undelivered_event: 1 },
    completedAt: null,
    failing: false,
  }));
  await metrics.measureReconcile(async () => ({
    found: { drift: 1 },
    completedAt: new Date('2026-11-24T02:00:00.500Z'),
    failing: true,
  }));
  const told = [
    'florin_reconcile_findings{kind="paid_not_credited"} 0',
    'florin_reconcile_findings{kind="credited_not_paid"} 0',
    'florin_reconcile_findings{kind="wrong_amount"} 0',
    'florin_reconcile_findings{kind="orphan_reversal"} 0',
    'florin_reconcile_findings{kind="undelivered_event"} 0',
    'florin_reconcile_findings{kind="drift"} 1',
    'florin_reconcile_findings{kind="unlisted"} 0',
    'florin_reconcile_last_completed_timestamp_seconds 1795485600.5',
    'florin_reconcile_failing 1',
  ];
  expect(await figures()).toEqual(told);
  await metrics.measureReconcile(async () => {
    throw new Error('away');
  });
  expect(await figures()).toEqual(told);
});
