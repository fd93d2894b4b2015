/**
 * `florin`, broken on purpose: what `billing.apply_event` does in one commit is done in two. The event
 * and the payment are written in the first, the credits in the second, and a moment lies between them.
 */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

const BETWEEN_MS = 20;
const whole = pg.Client.prototype.query;

pg.Client.prototype.query = function query(statement, ...more) {
  if (statement?.name === 'billing_apply_event') {
    // The commands come last.
    const values = statement.values.with(-1, null);
    const commands = JSON.parse(statement.values.at(-1) ?? '[]');
    return inTwoCommits(this, { ...statement, values }, commands);
  }
  if (statement?.name === 'billing_apply_events') {
    const deliveries = JSON.parse(statement.values[0]);
    const commands = deliveries.flatMap((one) => one.commands ?? []);
    const values = [JSON.stringify(deliveries.map((one) => ({ ...one, commands: undefined })))];
    return inTwoCommits(this, { ...statement, values }, commands);
  }
  return whole.call(this, statement, ...more);
};

async function inTwoCommits(client, statement, commands) {
  const marked = await whole.call(client, statement);
  if ([marked.rows[0]?.[0]].flat().includes('applied')) {
    await wait(BETWEEN_MS);
    await whole.call(client, 'select billing.apply_commands($1)', [JSON.stringify(commands)]);
  }
  return marked;
}

await import('../../dist/cli/main.js');
