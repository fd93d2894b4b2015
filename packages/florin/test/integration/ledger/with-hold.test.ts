import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Executor } from '../../../src/db/index.ts';
import { DatabaseUnavailableError, silentLogger } from '../../../src/kernel/index.ts';
import {
  type HoldRequest,
  issueGrant,
  listEntries,
  type OpenHold,
  placeHold,
  readBalance,
  readHold,
  verifyLedger,
  withHold,
} from '../../../src/ledger/index.ts';
import { installVirtualClock, type VirtualClock } from '../../property/virtual-clock.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const START = Date.UTC(2030, 0, 1);

describe('withHold', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let clock: VirtualClock;
  beforeAll(async () => {
    database = await freshDatabase();
    clock = await installVirtualClock(database.db);
  });
  afterAll(() => database.close());

  async function job(credits = 100): Promise<HoldRequest> {
    await clock.set(new Date(START));
    const accountId = randomUUID();
    const funds = { accountId, amount: credits, idempotencyKey: 'funds', source: 'purchase' };
    await issueGrant(database.db, funds);
    return { accountId, amount: 40, idempotencyKey: 'scan:1', expiresInSeconds: 60 };
  }

  const place = (db: Executor = database.db) => ({
    db,
    logger: silentLogger,
    pause: () => Promise.resolve(),
  });

  /** The balance, and that nothing is broken. */
  async function balance({ accountId }: HoldRequest) {
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
    const { posted, held, available } = await readBalance(database.db, accountId);
    return { posted, held, available };
  }

  const kinds = async ({ accountId }: HoldRequest) =>
    (await listEntries(database.db, { accountId, limit: 100 }))
      .map(({ kind, amount }) => `${kind} ${amount}`)
      .reverse()
      .slice(1);

  /** A database whose statements of this name fail: before they run, or after, when the answer is lost. */
  function failing(name: string, when: 'before' | 'after', times: number): Executor {
    let left = times;
    return {
      async query(statement, values) {
        const fails = typeof statement === 'object' && statement.name === name && left > 0;
        if (!fails) {
          return database.db.query(statement, values);
        }
        left -= 1;
        if (when === 'after') {
          await database.db.query(statement, values);
        }
        throw new DatabaseUnavailableError('The connection broke.');
      },
    };
  }

  it('reserves, runs the work, charges what it used and gives the rest back', async () => {
    const request = await job();
    const outcome = await withHold(place(), request, async (hold) => {
      expect(await balance(request)).toEqual({ posted: 100, held: 40, available: 60 });
      expect(hold).toMatchObject({ amount: 40, chargedBefore: null });
      expect(hold.expiresAt).toEqual(new Date(START + 60_000));
      return { result: 'text', used: 12 };
    });
    expect(outcome).toEqual({ result: 'text', used: 12, available: 88, replayed: false });
    expect(await balance(request)).toEqual({ posted: 88, held: 0, available: 88 });
    expect(await kinds(request)).toEqual(['hold 0', 'capture -12']);
  });

  it('charges nothing for work that used nothing, and all for work that used all', async () => {
    const request = await job();
    expect(await withHold(place(), request, async () => ({ result: null, used: 0 }))).toMatchObject(
      { used: 0, available: 100 },
    );
    const again = { ...request, idempotencyKey: 'scan:2' };
    expect(await withHold(place(), again, async () => ({ result: null, used: 40 }))).toMatchObject({
      used: 40,
      available: 60,
    });
  });

  it('gives everything back when the work fails, and throws its error on', async () => {
    const request = await job();
    const failure = new Error('unreadable page');
    await expect(
      withHold(place(), request, async () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(await balance(request)).toEqual({ posted: 100, held: 0, available: 100 });
    expect(await kinds(request)).toEqual(['hold 0', 'release 0']);
  });

  it.each([undefined, -1, 1.5, 41, Number.NaN])(
    'charges nothing when the work says that it used %s',
    async (used) => {
      const request = await job();
      const work = async () => (used === undefined ? { result: 1 } : { result: 1, used });
      await expect(withHold(place(), request, work)).rejects.toMatchObject({
        code: 'amount_not_allowed',
      });
      await expect(
        withHold(place(), { ...request, idempotencyKey: 'b' }, async (hold) => {
          await hold.capture(used ?? 41);
          return { result: 1 };
        }),
      ).rejects.toMatchObject({ code: 'amount_not_allowed' });
      expect(await balance(request)).toEqual({ posted: 100, held: 0, available: 100 });
    },
  );

  it('does not run the work without the credits for it', async () => {
    const request = await job(39);
    const work = vi.fn();
    await expect(withHold(place(), request, work)).rejects.toMatchObject({
      code: 'insufficient_credits',
      available: 39,
      required: 40,
    });
    expect(work).not.toHaveBeenCalled();
  });

  it('charges early where the work asks for it, once, and keeps that when the work then fails', async () => {
    const request = await job();
    await expect(
      withHold(place(), request, async (hold) => {
        await hold.capture(7);
        await expect(hold.capture(7)).rejects.toMatchObject({ code: 'hold_not_open' });
        throw new Error('the mail with the result was refused');
      }),
    ).rejects.toThrow('refused');
    expect(await balance(request)).toEqual({ posted: 93, held: 0, available: 93 });
    const work = async (hold: OpenHold) => ({ result: hold.chargedBefore });
    expect(await withHold(place(), request, work)).toEqual({
      result: 7,
      used: 7,
      available: 93,
      replayed: true,
    });
  });

  it('finds the same hold again after a crash in between', async () => {
    const request = await job();
    // What a process leaves that is killed while it works.
    const { holdId } = await placeHold(database.db, request);
    const outcome = await withHold(place(), request, async (hold) => {
      expect(hold.holdId).toBe(holdId);
      return { result: null, used: 5 };
    });
    expect(outcome).toMatchObject({ used: 5, available: 95, replayed: false });
    expect(await kinds(request)).toEqual(['hold 0', 'capture -5']);
  });

  it('loses nothing when nobody comes back after a crash: time gives the credits back', async () => {
    const request = await job();
    await placeHold(database.db, request);
    expect(await balance(request)).toEqual({ posted: 100, held: 40, available: 60 });
    await clock.set(new Date(START + 60_000));
    expect(await balance(request)).toEqual({ posted: 100, held: 0, available: 100 });
  });

  it('reserves anew for work that failed or whose hold ran out, however often it is tried', async () => {
    const request = await job();
    const fails = async () => {
      throw new Error('no');
    };
    await expect(withHold(place(), request, fails)).rejects.toThrow('no');
    await expect(withHold(place(), request, fails)).rejects.toThrow('no');
    await placeHold(database.db, { ...request, idempotencyKey: 'scan:1~3' });
    await clock.set(new Date(START + 60_000));
    const outcome = await withHold(place(), request, async () => {
      expect(await balance(request)).toMatchObject({ held: 40 });
      return { result: null, used: 9 };
    });
    expect(outcome).toMatchObject({ used: 9, available: 91, replayed: false });
    const again = await withHold(place(), request, async () => ({ result: null, used: 30 }));
    expect(again).toMatchObject({ used: 9, available: 91, replayed: true });
    expect(await balance(request)).toEqual({ posted: 91, held: 0, available: 91 });
  });

  it('charges nothing for work that outlasts its hold, and says so', async () => {
    const request = await job();
    await expect(
      withHold(place(), request, async () => {
        await clock.set(new Date(START + 60_000));
        return { result: null, used: 5 };
      }),
    ).rejects.toMatchObject({ code: 'hold_not_open' });
    expect(await balance(request)).toEqual({ posted: 100, held: 0, available: 100 });
  });

  it('charges once when the answer to the charge is lost', async () => {
    const request = await job();
    const lossy = failing('ledger_capture_hold', 'after', 1);
    expect(await withHold(place(lossy), request, async () => ({ result: null, used: 8 }))).toEqual({
      result: null,
      used: 8,
      available: 92,
      replayed: false,
    });
    expect(await kinds(request)).toEqual(['hold 0', 'capture -8']);
  });

  it('asks a database that was away again, and gives up without guessing', async () => {
    const request = await job();
    const away = failing('ledger_capture_hold', 'before', 4);
    const work = async () => ({ result: null, used: 8 });
    expect(await withHold(place(away), request, work)).toMatchObject({ available: 92 });
    const gone = failing('ledger_capture_hold', 'before', 5);
    const other = { ...request, idempotencyKey: 'scan:2' };
    await expect(withHold(place(gone), other, work)).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    expect(await balance(request)).toEqual({ posted: 92, held: 40, available: 52 });
    expect(await withHold(place(), other, work)).toMatchObject({ used: 8, available: 84 });
  });

  it('finds its hold when the answer to placing it was lost', async () => {
    const request = await job();
    const lossy = failing('ledger_place_hold', 'after', 1);
    const work = async () => ({ result: null, used: 3 });
    await expect(withHold(place(lossy), request, work)).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    expect(await withHold(place(lossy), request, work)).toMatchObject({ used: 3, available: 97 });
    expect(await kinds(request)).toEqual(['hold 0', 'capture -3']);
  });

  it('leaves a hold to time when it cannot be released', async () => {
    const request = await job();
    const warn = vi.fn();
    const gone = failing('ledger_release_hold', 'before', 9);
    await expect(
      withHold({ ...place(gone), logger: { ...silentLogger, warn } }, request, async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(warn).toHaveBeenCalledOnce();
    await clock.set(new Date(START + 60_000));
    expect(await balance(request)).toMatchObject({ available: 100 });
  });

  it('two runs at once share one hold and one charge, whatever each used', async () => {
    const request = await job();
    let arrived = 0;
    let open: () => void = () => {};
    const both = new Promise<void>((resolve) => {
      open = resolve;
    });
    const run = (used: number) =>
      withHold(place(), request, async () => {
        arrived += 1;
        if (arrived === 2) {
          open();
        }
        await both;
        return { result: used, used };
      });
    const outcomes = await Promise.all([run(5), run(6)]);
    const charged = outcomes.filter(({ replayed }) => !replayed);
    expect(charged).toHaveLength(1);
    expect(outcomes.map(({ used }) => used)).toEqual([charged[0]?.used, charged[0]?.used]);
    expect(await balance(request)).toMatchObject({ posted: 100 - (charged[0]?.used ?? 0) });
  });

  it('refuses the key of other work before any work is done', async () => {
    const request = await job();
    const work = vi.fn();
    await spend(database.db, { accountId: request.accountId, amount: 1, idempotencyKey: 'scan:1' });
    await expect(withHold(place(), request, work)).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
    const { accountId } = request;
    await placeHold(database.db, { ...request, idempotencyKey: 'scan:2' });
    const more = { ...request, idempotencyKey: 'scan:2', amount: 41 };
    await expect(withHold(place(), more, work)).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
    expect(work).not.toHaveBeenCalled();
    expect(await readBalance(database.db, accountId)).toMatchObject({ posted: 99, held: 40 });
  });

  it('reads how a hold stands to the instant, and knows none of another account', async () => {
    const request = await job();
    const { accountId } = request;
    const { holdId } = await placeHold(database.db, request);
    const read = () => readHold(database.db, { accountId, holdId });
    expect(await read()).toMatchObject({ status: 'open', amount: 40, captured: 0 });
    await clock.set(new Date(START + 60_000));
    expect(await read()).toMatchObject({ status: 'expired' });
    await expect(readHold(database.db, { accountId: randomUUID(), holdId })).rejects.toMatchObject({
      code: 'hold_not_open',
    });
  });
});
