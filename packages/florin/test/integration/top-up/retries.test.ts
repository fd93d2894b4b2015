import { describe, expect, it } from 'vitest';
import type { Executor } from '../../../src/db/index.ts';
import { verifyLedger } from '../../../src/ledger/index.ts';
import type { StripeClient } from '../../../src/stripe/index.ts';
import { type ChargeDeps, runTopUps } from '../../../src/top-up/index.ts';
import { asOwner } from '../webhooks/shop.ts';
import { openTopUp } from './top-up-service.ts';

const MAX_POINTS = 60;
/** Some thirty top-ups one after the other. */
const PATIENT_MS = 180_000;

class Crash extends Error {}

/** Where a worker dies: at its n-th call of Stripe or the database, before its effect or after it. */
type Point = {
  readonly nth: number;
  readonly side: 'before' | 'after';
  /** Counts only calls of this name. */
  readonly of?: string;
};

/** A worker that dies at a point; `reached` says whether it got there. */
function dyingWorker(deps: ChargeDeps, { nth, side, of }: Point) {
  let calls = 0;
  let reached = false;
  const mortal = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== 'function') {
          return value;
        }
        return async (...args: unknown[]) => {
          calls += of === undefined || of === name ? 1 : 0;
          if (reached) {
            // A dead process does nothing more.
            throw new Crash();
          }
          const dies = calls === nth && (of === undefined || of === name);
          reached = reached || dies;
          if (dies && side === 'before') {
            throw new Crash();
          }
          const answer: unknown = await value.apply(object, args);
          if (dies) {
            throw new Crash();
          }
          return answer;
        };
      },
    });
  const { stripe } = deps;
  const dying = {
    invoices: mortal(stripe.invoices),
    invoiceItems: mortal(stripe.invoiceItems),
  } as unknown as StripeClient;
  const db = mortal<Executor>(deps.db) as ChargeDeps['db'];
  return { deps: { ...deps, stripe: dying, db }, reached: () => reached };
}

/** The lease of whoever died is over. */
async function makeDue({ fresh }: Pick<Awaited<ReturnType<typeof openTopUp>>, 'fresh'>) {
  await asOwner(
    fresh,
    'update billing.top_ups set next_attempt_at = now() where closed_at is null',
  );
}

/** One low balance for each point at which a worker may die; three others take over at once. */
async function atEveryPoint(
  card: string,
  check: (one: Awaited<ReturnType<typeof openTopUp>>, nth: number) => Promise<void>,
): Promise<number> {
  const one = await openTopUp({ card });
  await one.agree({ maxPerMonth: 100 });
  let points = 0;
  for (let nth = 1; nth <= MAX_POINTS; nth += 1) {
    for (const side of ['before', 'after'] as const) {
      if ((await one.available()) > 5) {
        await one.use((await one.available()) - 5);
      }
      const worker = dyingWorker(one.deps, { nth, side });
      for (let more = true; more && !worker.reached(); ) {
        more = await runTopUps(worker.deps, 100).catch(() => false);
      }
      if (!worker.reached()) {
        return points;
      }
      points += 1;
      await makeDue(one);
      await Promise.all([1, 2, 3].map(() => runTopUps(one.deps, 100)));
      await one.rounds();
      await check(one, points);
    }
  }
  throw new Error(`A top-up takes more than ${MAX_POINTS} calls.`);
}

/** A worker that names no request and keeps no invoice: what the tests below have to tell apart. */
function forgetful(deps: ChargeDeps): ChargeDeps {
  const nameless = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name, object);
        return typeof value === 'function'
          ? (...args: unknown[]) =>
              value.apply(
                object,
                args.filter((one) => !isOptions(one)),
              )
          : value;
      },
    });
  const isOptions = (one: unknown) =>
    typeof one === 'object' && one !== null && 'idempotencyKey' in one;
  const { invoices, invoiceItems } = deps.stripe;
  const db = new Proxy(deps.db, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (name !== 'query') {
        return value;
      }
      return async (statement: string, values: string[]) =>
        String(statement).includes('note_top_up_invoice')
          ? [{ invoiceId: values[1] }]
          : object.query(statement, values);
    },
  });
  const stripe = { invoices: nameless(invoices), invoiceItems: nameless(invoiceItems) };
  return { ...deps, db, stripe: stripe as unknown as StripeClient };
}

describe('incident 5', () => {
  it('a top-up retried by anyone charges once', { timeout: PATIENT_MS }, async () => {
    const points = await atEveryPoint('pm_card_visa', async (one, nth) => {
      expect(await one.available()).toBe(55);
      expect(await one.charges()).toHaveLength(nth);
      expect((await one.state()).topUps[0].status).toBe('credited');
    });
    expect(points).toBeGreaterThan(12);
  });

  it('a top-up that others finish after it was claimed is left alone', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    const db = new Proxy(one.deps.db, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name, object);
        if (name !== 'query') {
          return value;
        }
        return async (statement: string, values: string[]) => {
          const rows = await object.query(statement, values);
          if (String(statement).includes('claim_top_ups')) {
            await makeDue(one);
            await one.rounds();
          }
          return rows;
        };
      },
    });
    expect(await runTopUps({ ...one.deps, db }, 100)).toBe(true);
    expect((await one.state()).topUps[0].status).toBe('credited');
    expect(await one.charges()).toHaveLength(1);
  });

  it('would charge twice without the noted invoice and the keys (the control)', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    const deps = forgetful(one.deps);
    const worker = dyingWorker(deps, { nth: 1, side: 'after', of: 'pay' });
    await runTopUps(worker.deps, 100).catch(() => false);
    expect(worker.reached()).toBe(true);
    await makeDue(one);
    await runTopUps(deps, 100);
    expect(await one.charges()).toHaveLength(2);
  });

  it('a top-up that is declined charges nothing, wherever its worker dies', {
    timeout: PATIENT_MS,
  }, async () => {
    const points = await atEveryPoint('pm_card_chargeDeclinedLostCard', async (one, nth) => {
      expect(await one.charges()).toEqual([]);
      const invoices = await one.invoices();
      expect(new Set(invoices.map(({ status }) => status))).toEqual(new Set(['void']));
      expect(invoices).toHaveLength(nth);
      expect((await one.state()).topUps[0]).toMatchObject({ status: 'failed' });
      expect((await one.state()).consent.pauseReason).toBe('card_declined');
      await one.agree({ maxPerMonth: 100 });
    });
    expect(points).toBeGreaterThan(12);
  });

  it('a top-up whose invoice was made a day ago and never noted is found again', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    const { invoices } = one.stripe;
    let made = 0;
    const lost = {
      ...one.deps,
      stripe: {
        ...one.stripe,
        invoices: new Proxy(invoices, {
          get(object, name) {
            return name === 'create'
              ? async (...args: Parameters<typeof invoices.create>) => {
                  made += 1;
                  await invoices.create(...args);
                  throw new Crash();
                }
              : Reflect.get(object, name, object);
          },
        }),
      } as unknown as StripeClient,
    };
    await runTopUps(lost, 100);
    expect(made).toBe(1);
    one.sandbox.advance({ days: 2 });
    await one.later('2 days');
    expect(await one.invoices()).toHaveLength(1);
    expect(await one.charges()).toHaveLength(1);
    expect(await one.available()).toBe(55);
    expect(await verifyLedger(one.deps.db)).toEqual([]);
  });
});
