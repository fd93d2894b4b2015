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
