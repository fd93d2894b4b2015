import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { factOf, HANDLERS, webhookEventTypes } from './index.ts';

const ROOT = new URL('../../../../', import.meta.url);

/** The table of docs/webhooks.md, from the code. */
function tableRows(): string[] {
  return Object.entries(HANDLERS).map(([type, handler]) => {
    const { fact, command, key, test, enable } = handler;
    const keys = key
      .split(', ')
      .map((one) => (one === '-' ? '-' : `\`${one}\``))
      .join(', ');
    return `| \`${type}\` | ${enable} | ${fact} | ${command} | ${keys} | ${test} |`;
  });
}

describe('the table of event types', () => {
  it('stands in docs/webhooks.md as it is in the code', () => {
    const page = readFileSync(new URL('docs/webhooks.md', ROOT), 'utf8');
    const written = page.split('\n').filter((line) => /^\| `[a-z_]+\.[a-z_.]+` \|/.test(line));
    expect(written).toEqual(tableRows());
  });

  it('names tests that exist', () => {
    const folders = ['integration/webhooks/', 'faults/', 'integration/customers/'];
    const tests = folders
      .map((folder) => new URL(`packages/florin/test/${folder}`, ROOT))
      .flatMap((folder) =>
        readdirSync(folder)
          .filter((name) => name.endsWith('.test.ts'))
          .map((name) => readFileSync(new URL(name, folder), 'utf8')),
      )
      .join('\n');
    const missing = Object.values(HANDLERS)
      .map((handler) => handler.test)
      .filter((name) => !tests.includes(`'${name}'`));
    expect(missing).toEqual([]);
  });

  it('is what an endpoint is subscribed to, each once', () => {
    const types = webhookEventTypes();
    expect(new Set(types).size).toBe(types.length);
    expect(types).toContain('invoice.paid');
    expect(types).toContain('charge.dispute.funds_reinstated');
    expect(types).not.toContain('charge.succeeded');
  });

  it('gives no meaning to types that it does not hold, not even those of Object', () => {
    for (const type of ['constructor', '__proto__', 'toString', 'invoice.created']) {
      const fact = factOf({
        id: 'evt_1',
        type,
        apiVersion: null,
        created: 0,
        livemode: false,
        account: null,
        payload: 'snapshot',
        happened: 0,
        snapshotEventId: null,
        asOf: 0,
        object: { id: null },
      });
      expect(fact.kind).toBe('nothing');
    }
  });
});
