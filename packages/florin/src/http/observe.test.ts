import { expect, it } from 'vitest';
import { createMetrics } from './observe.ts';

const POOL = { open: 4, waiting: 3, lent: 100, waitedSeconds: 1.5, refused: 2 };

it('a database that does not answer counts as 0, and the last figures of the inbox stay', async () => {
  const metrics = createMetrics({ figures: () => POOL });
  const backlog = { waiting: 3, needingAttention: 2, lagSeconds: 0.5 };
  const figures = async () =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => /^florin_(inbox|database_up)/.test(line));
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

it('what reconcile found is counted by kind, zeros too, and stays while the database is away', async () => {
  const metrics = createMetrics({ figures: () => POOL });
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

it('how long callers wait for a connection is read from the pool each time', async () => {
  let pool = POOL;
  const { registry } = createMetrics({ figures: () => pool });
  const figures = async () =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => /^florin_(database_[cwl]|account)/.test(line));
  await figures();
  pool = { ...POOL, lent: 101, waitedSeconds: 2 };
  expect(await figures()).toEqual([
    'florin_database_connections 4',
    'florin_database_waiting 3',
    'florin_database_lent_total 101',
    'florin_database_wait_seconds_total 2',
    'florin_account_busy_total 2',
  ]);
});
