import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { convertArrayToReadableStream, MockLanguageModelV4 } from 'ai/test';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defineCatalog } from '../../../src/catalog/index.ts';
import { createCharges } from '../../../src/charge/index.ts';
import { createLedger } from '../../../src/florin.ts';
import { silentLogger } from '../../../src/kernel/index.ts';
import { readUsage } from '../../../src/ledger/index.ts';
import { ensureBuilt } from '../../support/florin-process.ts';
import { freshDatabase } from '../../support/postgres.ts';

describe('examples/node/chat.ts', () => {
  it('is what docs/ai.md shows', async () => {
    const [document, example] = await Promise.all(
      ['docs/ai.md', 'examples/node/chat.ts'].map((path) => readFile(path, 'utf8')),
    );
    expect(document).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('answers a message and charges its tokens to the user who asked', {
    timeout: 120_000,
  }, async () => {
    await ensureBuilt();
    const { answer } = await import('../../../../../examples/node/chat.ts');
    const database = await freshDatabase();
    onTestFinished(() => database.close());
    const rates = { 'gpt-5': { input: 3, cachedInput: 0.3, output: 15 } };
    const { usage: card } = defineCatalog({
      prices: {},
      usage: { tokens: { by: 'model', per: 1_000, markup: 1.2, rates } },
    });
    const florin = {
      ...createLedger(database.db, silentLogger),
      ...createCharges({ db: database.db, card }),
    };
    const accountId = randomUUID();
    await florin.grant({ accountId, amount: 100, idempotencyKey: 'grant', source: 'test' });
    const model = new MockLanguageModelV4({
      modelId: 'gpt-5',
      doStream: async () => ({
        stream: convertArrayToReadableStream([
          { type: 'text-start', id: '1' },
          { type: 'text-delta', id: '1', delta: 'Seven.' },
          { type: 'text-end', id: '1' },
          {
            type: 'finish',
            finishReason: { unified: 'stop', raw: 'stop' },
            usage: {
              inputTokens: { total: 900, noCache: 300, cacheRead: 600, cacheWrite: undefined },
              outputTokens: { total: 40, text: 40, reasoning: undefined },
            },
          },
        ]),
      }),
    });
    const result = answer({ florin, model }, { id: 'm1', userId: accountId, text: 'How many?' });
    expect(await result.text).toBe('Seven.');
    // (300 × 3 + 600 × 0.3 + 40 × 15) × 1.2 ÷ 1,000 = 2.016
    expect((await result.providerMetadata)?.['florin']).toEqual({
      ...{ credits: 3, uncovered: 0, available: 97 },
    });
    const by = ['meter', 'actor', 'feature'] as const;
    expect(await readUsage(database.db, { accountId, now: new Date(), by })).toMatchObject({
      groups: [{ meter: 'tokens', actor: accountId, feature: 'chat', spent: 3, quantity: '940' }],
    });
  });
});
