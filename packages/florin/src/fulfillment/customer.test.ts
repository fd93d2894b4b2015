import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { event, type Json, subscription } from '../../test/integration/webhooks/objects.ts';
import { decideOn, effectsOf, factIn, type Given, needOf } from '../../test/support/decisions.ts';
import type { SubscriptionFact } from '../stripe/index.ts';

type Word = { readonly type: 'created' | 'updated' | 'deleted'; readonly told: Json };

const change = fc.record({
  /** Seconds since the word before: mostly none. */
  later: fc.constantFrom(0, 0, 0, 1),
  status: fc.constantFrom('incomplete', 'active', 'past_due', 'trialing', 'unpaid', 'paused'),
  cancel_at_period_end: fc.boolean(),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** A subscription from its first update to its last, in the order in which it happened. */
const history = fc
  .record({
    made: fc.constantFrom('incomplete', 'active', 'trialing'),
    changes: fc.array(change, { maxLength: 6 }),
    ends: fc.boolean(),
  })
  .map(({ made, changes, ends }): Word[] => {
    let at = 0;
    const words = changes.map(({ later, ...more }: Change): Word => {
      at += later;
      return { type: 'updated', told: told('updated', more.status, { ...more }, at) };
    });
    const end = {
      type: 'deleted',
      told: told('deleted', 'canceled', { ended_at: 1 }, at),
    } as const;
    const first = { type: 'created', told: told('created', made, {}, 0) } as const;
    return [first, ...words, ...(ends ? [end] : [])];
  });

function told(type: Word['type'], status: string, more: Json = {}, at = 0): Json {
  return event(`customer.subscription.${type}`, subscription(status, more), { at });
}

function factOf(word: Json): SubscriptionFact {
  return factIn(word) as SubscriptionFact;
}

function saidBy({ asOf: _at, asMade: _as, ...said }: SubscriptionFact) {
  return said;
}

/** Delivers as the choices say, while what is told goes on happening at Stripe; some of it twice. */
function live(words: readonly Word[], choices: readonly number[]) {
  const waiting: Json[] = [];
  let happened = 0;
  let stored: SubscriptionFact | null = null;
  let asked = 0;
  for (let turn = 0; happened < words.length || waiting.length > 0; turn += 1) {
    const choice = choices[turn % Math.max(1, choices.length)] ?? 0;
    const next = words[happened];
    if (next !== undefined && (waiting.length === 0 || choice % 3 === 0)) {
      happened += 1;
      waiting.push(next.told, ...(choice % 5 === 0 ? [{ ...next.told, id: 'evt_again' }] : []));
      continue;
    }
    const [word] = waiting.splice(choice % waiting.length, 1);
    const now = words[happened - 1];
    if (word === undefined || now === undefined) {
      throw new Error('nothing waits');
    }
    const known: Given = { subscription: { id: 'sub_1', accountId: null, fact: stored } };
    const decision = decideOn(word, known);
    if ('need' in decision) {
      asked += 1;
      const answers = { 'subscription:sub_1': { ...factOf(now.told), asMade: undefined, asOf: 7 } };
      stored = effectsOf(word, { ...known, answers }).subscription?.fact ?? null;
    } else {
      stored = decision.effects.subscription?.fact ?? null;
    }
  }
  return { stored, asked };
}

describe('what is stored of a subscription', () => {
  it('is its newest update, in whatever order updates arrive, within a second too', () => {
    const deliveries = fc.array(fc.nat(1_000), { minLength: 20, maxLength: 40 });
    fc.assert(
      fc.property(history, deliveries, (words, choices) => {
        const { stored, asked } = live(words, choices);
        const last = factOf(words.at(-1)?.told ?? {});
        expect(stored === null ? null : saidBy(stored)).toEqual(
          JSON.parse(JSON.stringify(saidBy(last))),
        );
        const changes = words.filter(({ type }) => type === 'updated').map(({ told: one }) => one);
        const tied = changes.some((one) =>
          changes.some(
            (other) =>
              one['created'] === other['created'] &&
              !isDeepStrictEqual(saidBy(factOf(one)), saidBy(factOf(other))),
          ),
        );
        // Stripe is asked only where two changes of one second differ.
        expect(asked === 0 || tied).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  const stored = (word: Json, accountId: string | null = null) => ({
    subscription: { id: 'sub_1', accountId, fact: factOf(word) },
  });
  const active = told('updated', 'active');
  const pastDue = told('updated', 'past_due');

  it('is what Stripe answers now where two changes fall into one second', () => {
    expect(needOf(pastDue, stored(active))).toEqual({ ask: 'subscription', id: 'sub_1' });
    const now = { ...factOf(told('updated', 'unpaid')), asOf: 5 };
    const effects = effectsOf(pastDue, {
      ...stored(active),
      answers: { 'subscription:sub_1': now },
    });
    expect(effects.subscription).toMatchObject({
      fact: { status: 'unpaid', asOf: 1_790_000_000 },
      replaces: { status: 'active' },
    });
  });

  it('waits where Stripe cannot be asked, and needs a person where Stripe does not know it', () => {
    const answered = (answer: unknown) =>
      effectsOf(pastDue, { ...stored(active), answers: { 'subscription:sub_1': answer } });
    expect(answered('unavailable')).toMatchObject({
      status: 'failed',
      subscription: null,
      obstacle: { code: 'stripe_unavailable', needsAttention: false },
    });
    expect(answered(null)).toMatchObject({
      status: 'failed',
      subscription: null,
      obstacle: { code: 'object_unknown', needsAttention: true },
    });
  });

  it('is asked for by no repetition, and not by how it was made', () => {
    expect(effectsOf(active, stored(active)).subscription?.fact?.status).toBe('active');
    const made = told('created', 'incomplete');
    expect(effectsOf(active, stored(made)).subscription?.fact?.status).toBe('active');
    expect(effectsOf(made, stored(active)).subscription?.fact?.status).toBe('active');
  });
});
