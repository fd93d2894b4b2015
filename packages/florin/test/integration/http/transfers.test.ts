import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listEntries, readBalance } from '../../../src/ledger/index.ts';
import { removeMember, setMember } from '../../../src/members/index.ts';
import { buyCredits } from '../../support/bought.ts';
import { runFlorin } from '../../support/florin-process.ts';
import { ADA, BOB, openService, type TestService } from './florin-service.ts';

describe('POST /api/transfers', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await openService({ deliver: false });
  });
  afterAll(() => service.close());

  const move = (as: string, body: object, key: string = randomUUID()) =>
    service.ask('/api/transfers', {
      method: 'POST',
      as,
      headers: { 'idempotency-key': key },
      body: { amount: 10, reason: 'for the team', ...body },
    });
  const available = async (accountId: string) =>
    (await readBalance(service.fresh.db, accountId)).available;

  /** An account that Ada owns and Bob is a member of. */
  async function team(): Promise<string> {
    const accountId = randomUUID();
    const { db } = service.fresh;
    await setMember(db, { accountId, userId: ADA, role: 'owner', by: undefined });
    await setMember(db, { accountId, userId: BOB, role: 'admin', by: undefined });
    return accountId;
  }

  it('moves a buyer’s credits to a team that they own, and back; the entry names them', async () => {
    const { db } = service.fresh;
    const to = await team();
    await buyCredits(db, { accountId: ADA, amount: 50 });
    const moved = await move(ADA, { from: ADA, to }, 'one');
    expect(moved.status).toBe(200);
    expect(moved.body).toMatchObject({ available: 40, replayed: false });
    const again = await move(ADA, { from: ADA, to }, 'one');
    expect(again.body).toEqual({ ...moved.body, replayed: true });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await available(to)).toBe(10);
    const [entry] = await listEntries(db, { accountId: to, limit: 1 });
    expect(entry).toMatchObject({ actor: ADA, metadata: { from: ADA, reason: 'for the team' } });
    expect((await move(ADA, { from: to, to: ADA })).status).toBe(200);
    expect([await available(ADA), await available(to)]).toEqual([50, 0]);
  });

  it('refuses a user who does not own both accounts, and writes nothing', async () => {
    const { db } = service.fresh;
    const from = await team();
    await buyCredits(db, { accountId: from, amount: 50 });
    const admin = await move(BOB, { from, to: BOB });
    expect([admin.status, admin.body.code]).toEqual([403, 'role_too_low']);
    const stranger = await move(ADA, { from, to: randomUUID() });
    expect([stranger.status, stranger.body.code]).toEqual([403, 'not_a_member']);
    await setMember(db, { accountId: from, userId: BOB, role: 'owner', by: undefined });
    await removeMember(db, { accountId: from, userId: ADA, by: undefined });
    const removed = await move(ADA, { from, to: ADA });
    expect([removed.status, removed.body.code]).toEqual([403, 'not_a_member']);
    expect(await available(from)).toBe(50);
  });

  it('lets the server move between any accounts, and says what could be moved', async () => {
    const from = randomUUID();
    await buyCredits(service.fresh.db, { accountId: from, amount: 9 });
    const short = await move('server', { from, to: BOB });
    expect(short.status).toBe(402);
    expect(short.body).toMatchObject({ code: 'insufficient_credits', available: 9, required: 10 });
    expect((await move('server', { from, to: BOB, amount: 9 })).status).toBe(200);
  });

  it('requires a key, a reason and two accounts', async () => {
    const missing = await service.ask('/api/transfers', {
      method: 'POST',
      as: 'server',
      body: { from: ADA, to: BOB, amount: 1, reason: 'x' },
    });
    expect(missing.body.code).toBe('idempotency_key_missing');
    for (const body of [{ to: ADA, reason: '' }, { to: ADA }, { to: BOB, amount: 1.5 }]) {
      const wrong = await move('server', { from: ADA, ...body });
      expect(wrong.status, JSON.stringify(body)).toBe(400);
    }
  });

  it('does what `florin account transfer` does on the command line', {
    timeout: 180_000,
  }, async () => {
    const [from, to] = [randomUUID(), randomUUID()];
    await buyCredits(service.fresh.db, { accountId: from, amount: 9 });
    const env = { DATABASE_URL: service.fresh.url };
    const words = ['account', 'transfer', from, to, '4', '--reason', 'merged', '--key', 'm'];
    const done = await runFlorin([...words, '--actor', 'ada'], { env });
    expect(done.stdout).toContain(`Moved: 4 credits to ${to}. ${from} has 5 available.`);
    expect((await runFlorin([...words, '--actor', 'ada'], { env })).stdout).toContain(
      'Moved before',
    );
    expect(
      (await runFlorin(['account', 'transfer', from, to, '6', '--reason', 'x'], { env })).code,
    ).toBe(1);
  });
});
