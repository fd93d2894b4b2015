import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const ACCOUNT = randomUUID();
const ISSUE = {
  do: 'issue',
  cause: 'payment',
  accountId: ACCOUNT,
  amount: 5,
  key: 'florin:invoice:in_1:line:il_1',
  purchaseKey: 'florin:invoice:in_1:line:il_1',
  source: 'purchase',
  priority: 0,
  expiresAt: null,
  metadata: {},
};
const REVERSE = {
  do: 'reverse',
  cause: 'payment',
  accountId: ACCOUNT,
  amount: 1,
  key: 'florin:invoice:in_1:line:il_1:reversal:1',
  grantKey: 'florin:invoice:in_1:line:il_1',
  metadata: {},
};
/** Every jsonb that SQL takes from TypeScript, with one key or verb that it does not know. */
const REFUSED: readonly [string, string, unknown[] | object, string][] = [
  ['a parameter', 'apply_event', { comands: [ISSUE] }, 'p_comands =>'],
  [
    'a command that issues',
    'apply_event',
    { commands: [{ ...ISSUE, expires: null }] },
    'a command: expires',
  ],
  [
    'a command that reverses',
    'apply_event',
    { commands: [ISSUE, { ...REVERSE, grantId: '1' }] },
    'a command: grantId',
  ],
  ['a verb', 'apply_event', { commands: [{ ...ISSUE, do: 'give' }] }, 'There is no command give'],
  [
    'a command without a verb',
    'apply_event',
    { commands: [{ ...ISSUE, do: undefined }] },
    'There is no command (none)',
  ],
  [
    'a relative',
    'apply_event',
    { relatives: [{ id: randomUUID(), state: {}, aliases: [], acountId: ACCOUNT }] },
    'a relative: acountId',
  ],
  [
    'a subscription',
    'apply_event',
    { subscription: { subscriptionId: 'sub_1', facts: {} } },
    'the subscription: facts',
  ],
  [
    'a delivery',
    'apply_events',
    [[{ status: 'processed' }, { status: 'processed', comands: [ISSUE] }]],
    'a delivery: comands',
  ],
  ['a payment without a state', 'apply_event', { payment_id: 'cs_1' }, 'cs_1 has no state'],
  [
    'an event that the inbox lacks',
    'apply_event',
    { event_id: 'evt_none' },
    'The inbox has no event evt_none',
  ],
  ['terms', 'consent_to_top_up', [ACCOUNT, { maxPerWeek: 1 }], 'the terms: maxPerWeek'],
  ['a move', 'move_top_up', [ACCOUNT, 'charging', { to: 'paid', seconds: 1 }], 'the move: seconds'],
  ['a move to nowhere', 'move_top_up', [ACCOUNT, 'charging', {}], 'does not go from charging'],
];

describe('what TypeScript hands to SQL', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  const call = (name: string, given: readonly unknown[] | object) => {
    const [names, values] = Array.isArray(given)
      ? [[], given]
      : [
          ['status', ...Object.keys(given)],
          ['processed', ...Object.values(given)],
        ];
    return database.db.query(
      `select billing.${name}(${values.map((_, n) => `${names[n] ? `p_${names[n]} => ` : ''}$${n + 1}`).join(', ')}) as answer`,
      values.map((value) =>
        typeof value === 'object' && value !== null
          ? JSON.stringify(value)
          : (value as string | null),
      ),
    );
  };

  it.each(REFUSED)(
    'is refused as a whole when SQL does not know %s',
    async (_what, name, values, says) => {
      await expect(call(name, values)).rejects.toThrow(says);
      expect(await database.db.query('select from credits.entries')).toEqual([]);
      expect(await database.db.query('select from billing.payments')).toEqual([]);
    },
  );

  it('is applied when every key and verb of it is known', async () => {
    const fresh = await freshDatabase();
    try {
      await fresh.db.query("select billing.apply_event('processed', p_commands => $1)", [
        JSON.stringify([ISSUE, REVERSE]),
      ]);
      expect(
        await fresh.db.query(
          'select kind::text, cause::text, amount from credits.entries order by entry_no',
        ),
      ).toEqual([
        { kind: 'grant', cause: 'payment', amount: 5 },
        { kind: 'reversal', cause: 'payment', amount: -1 },
      ]);
    } finally {
      await fresh.close();
    }
  });

  it('says the same in a batch: each parameter of a call is a key of a delivery, in one order', async () => {
    const [one] = await database.db.query<{ names: string[]; batch: string }>(
      `select p.proargnames as names, pg_get_functiondef('billing.apply_events'::regproc) as batch
         from pg_proc p where p.oid = 'billing.apply_event'::regproc`,
    );
    const names = one?.names.map((name) => name.replace(/^p_/, ''));
    const handedOn = /apply_event\(([^)]+)\)/.exec(one?.batch ?? '')?.[1] ?? '';
    expect(Array.from(handedOn.matchAll(/d\.(\w+)/g), ([, name]) => name)).toEqual(names);
    const everyKey = Object.fromEntries(names?.map((name) => [name, null]) ?? []);
    expect(await call('apply_events', [[{ ...everyKey, status: 'processed' }]])).toEqual([
      { answer: ['applied'] },
    ]);
  });

  it('has no key of the app in a command', async () => {
    await expect(call('apply_event', { commands: [{ ...ISSUE, key: 'welcome' }] })).rejects.toThrow(
      "Florin's own keys begin with florin:",
    );
  });
});
