import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  captureHold,
  issueGrant,
  placeHold,
  setLimit,
  spendBatch,
} from '../../../src/ledger/index.ts';
import { createMembers, type Members } from '../../../src/members/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

let fresh: FreshDatabase;
let members: Members;
beforeAll(async () => {
  fresh = await freshDatabase();
  members = createMembers(fresh.db);
});
afterAll(() => fresh.close());

/** A team with 100 credits and one user of each role. */
async function team() {
  const accountId = randomUUID();
  const users = { owner: randomUUID(), admin: randomUUID(), member: randomUUID() };
  const viewer = randomUUID();
  await issueGrant(fresh.db, { accountId, amount: 100, idempotencyKey: 'g', source: 'test' });
  for (const [role, userId] of Object.entries({ ...users, viewer })) {
    await members.set({ accountId, userId, role: role as 'owner' });
  }
  return { accountId, ...users, viewer };
}

const use = (accountId: string, actor?: string, idempotencyKey: string = randomUUID()) =>
  spend(fresh.db, { accountId, amount: 1, idempotencyKey, actor });

describe('members', () => {
  it('have a role, are listed by id in pages, and find their accounts, their own first', async () => {
    const { accountId, ...users } = await team();
    const first = await members.list({ accountId, limit: 3 });
    const rest = await members.list({ accountId, limit: 3, after: first.nextCursor ?? '' });
    expect(first.members).toHaveLength(3);
    expect(rest).toMatchObject({ members: [expect.anything()], nextCursor: null });
    const found = [...first.members, ...rest.members];
    const ids = found.map(({ userId }) => userId);
    expect(ids).toEqual(Object.values(users).sort());
    expect(Object.fromEntries(found.map(({ userId, role }) => [role, userId]))).toEqual(users);
    const other = await team();
    await members.set({ accountId: other.accountId, userId: users.viewer, role: 'admin' });
    const mine = await members.accounts({ userId: users.viewer });
    expect(mine.nextCursor).toBeNull();
    expect(mine.accounts[0]).toEqual({ accountId: users.viewer, role: 'owner' });
    const shared = [
      { accountId, role: 'viewer' },
      { accountId: other.accountId, role: 'admin' },
    ];
    expect(mine.accounts.slice(1)).toEqual(
      shared.sort((a, b) => (a.accountId < b.accountId ? -1 : 1)),
    );
    expect(await members.role({ accountId, userId: randomUUID() })).toBeUndefined();
    expect(await members.role({ accountId: users.admin, userId: users.admin })).toBe('owner');
  });

  it('are changed by admins below owner, by owners all, and leave by themselves', async () => {
    const { accountId, owner, admin, member, viewer } = await team();
    const set = (by: string, userId: string, role: 'viewer' | 'member' | 'admin' | 'owner') =>
      members.set({ accountId, userId, role, by });
    const tooLow = (required: string) => ({ code: 'role_too_low', details: { required } });
    for (const by of [member, viewer]) {
      await expect(set(by, viewer, 'member')).rejects.toMatchObject(tooLow('admin'));
      await expect(set(by, by, 'owner')).rejects.toMatchObject(tooLow('owner'));
      await expect(members.remove({ accountId, userId: admin, by })).rejects.toMatchObject(
        tooLow('admin'),
      );
    }
    const stranger = randomUUID();
    await expect(set(stranger, stranger, 'viewer')).rejects.toMatchObject({ code: 'not_a_member' });
    await set(admin, viewer, 'admin');
    await set(admin, stranger, 'member');
    await expect(set(admin, admin, 'owner')).rejects.toMatchObject(tooLow('owner'));
    await expect(set(admin, owner, 'viewer')).rejects.toMatchObject(tooLow('owner'));
    const removeOwner = members.remove({ accountId, userId: owner, by: admin });
    await expect(removeOwner).rejects.toMatchObject(tooLow('owner'));
    await set(owner, admin, 'owner');
    expect(await members.remove({ accountId, userId: member, by: member })).toBe(true);
    expect(await members.remove({ accountId, userId: member })).toBe(false);
    await set(admin, owner, 'viewer');
    expect(await members.role({ accountId, userId: owner })).toBe('viewer');
  });

  it('always keep an owner: the last one neither leaves nor gets a lower role', async () => {
    const { accountId, owner, admin } = await team();
    const last = { code: 'last_owner' };
    await expect(members.remove({ accountId, userId: owner })).rejects.toMatchObject(last);
    await expect(members.remove({ accountId, userId: owner, by: owner })).rejects.toMatchObject(
      last,
    );
    await expect(members.set({ accountId, userId: owner, role: 'admin' })).rejects.toMatchObject(
      last,
    );
    await expect(members.remove({ accountId: owner, userId: owner })).rejects.toMatchObject(last);
    await members.set({ accountId, userId: admin, role: 'owner' });
    const both = [owner, admin].map((userId) => members.remove({ accountId, userId, by: userId }));
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: last });
  });

  it('of a personal account are its user’s to change, who owns it whatever happens', async () => {
    const [ada, bob] = [randomUUID(), randomUUID()];
    await members.set({ accountId: ada, userId: bob, role: 'owner', by: ada });
    await members.set({ accountId: ada, userId: ada, role: 'owner', by: ada });
    expect(await members.remove({ accountId: ada, userId: bob, by: ada })).toBe(true);
    expect((await members.list({ accountId: ada })).members).toEqual([]);
  });

  it.each([{ role: 'boss' }, { role: '' }, { userId: 'ada' }, { accountId: 'team' }, { by: 'me' }])(
    'are refused as bad input: %j',
    async (change) => {
      const good = { accountId: randomUUID(), userId: randomUUID(), role: 'member' as const };
      await expect(members.set({ ...good, ...change } as typeof good)).rejects.toMatchObject({
        code: 'invalid_input',
      });
      expect((await members.list({ accountId: good.accountId })).members).toEqual([]);
    },
  );
});

describe('spending as a user', () => {
  it('takes a member of the account, whatever spends: a spend, a hold', async () => {
    const { accountId, owner, admin, member, viewer } = await team();
    for (const actor of [owner, admin, member]) {
      await expect(use(accountId, actor)).resolves.toMatchObject({ replayed: false });
    }
    const hold = { accountId, amount: 1, idempotencyKey: 'h' };
    const stranger = randomUUID();
    for (const [actor, code] of [
      [viewer, 'role_too_low'],
      [stranger, 'not_a_member'],
      [member.toUpperCase(), 'invalid_input'],
    ] as const) {
      await expect(use(accountId, actor)).rejects.toMatchObject({ code });
      await expect(placeHold(fresh.db, { ...hold, actor })).rejects.toMatchObject({ code });
    }
    // The app answers for whoever is no user.
    await use(accountId, 'agent:support');
    await use(accountId);
    const items = [{ accountId, amount: 1, idempotencyKey: 'b' }];
    expect(await spendBatch(fresh.db, items)).toMatchObject([{ status: 'spent' }]);
    expect((await members.list({ accountId })).members.map(({ used }) => used).sort()).toEqual([
      0, 1, 1, 1,
    ]);
  });

  it('ends with the membership: a repetition still replays, and a hold is still captured', async () => {
    const { accountId, member } = await team();
    await use(accountId, member, 'before');
    const placed = await placeHold(fresh.db, {
      accountId,
      amount: 5,
      idempotencyKey: 'h',
      actor: member,
    });
    await members.remove({ accountId, userId: member });
    await expect(use(accountId, member)).rejects.toMatchObject({ code: 'not_a_member' });
    await expect(use(accountId, member, 'before')).resolves.toMatchObject({ replayed: true });
    const captured = await captureHold(fresh.db, { accountId, holdId: placed.holdId });
    expect(captured).toMatchObject({ captured: 5 });
  });

  it('needs no membership where an account has no members, or none any more', async () => {
    const accountId = randomUUID();
    await issueGrant(fresh.db, { accountId, amount: 9, idempotencyKey: 'g', source: 'test' });
    await use(accountId, randomUUID());
    const userId = randomUUID();
    await members.set({ accountId, userId, role: 'member' });
    await expect(use(accountId, randomUUID())).rejects.toMatchObject({ code: 'not_a_member' });
    const flag = async () => {
      const text = 'select limited from credits.accounts where account_id = $1';
      const [row] = await fresh.db.query<{ limited: boolean }>(text, [accountId]);
      return row?.limited;
    };
    expect(await flag()).toBe(true);
    await setLimit(fresh.db, { accountId, window: 'month', credits: 5 });
    await members.remove({ accountId, userId });
    expect(await flag()).toBe(true);
    await fresh.db.query("select credits.remove_limit($1, 'month')", [accountId]);
    expect(await flag()).toBe(false);
    await use(accountId, randomUUID());
  });

  it('is refused under the lock: a removal that was first wins over every spend', async () => {
    const { accountId, member } = await team();
    const racing = Array.from({ length: 20 }, () => use(accountId, member));
    const removed = members.remove({ accountId, userId: member });
    const outcomes = await Promise.allSettled(racing);
    expect(await removed).toBe(true);
    const [state] = await fresh.db.query<{ posted: number }>(
      'select posted from credits.read_balance($1)',
      [accountId],
    );
    const spent = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(state?.posted).toBe(100 - spent);
    for (const outcome of outcomes.filter(({ status }) => status === 'rejected')) {
      expect(outcome).toMatchObject({ reason: { code: 'not_a_member' } });
    }
    await expect(use(accountId, member)).rejects.toMatchObject({ code: 'not_a_member' });
  });
});

describe('what members used and may use', () => {
  it('is shown for each: their own limits and those of each actor, with what was used before they were set and what holds reserve', async () => {
    const { accountId, member, admin } = await team();
    await spend(fresh.db, { accountId, amount: 7, idempotencyKey: '1', actor: member });
    await setLimit(fresh.db, { accountId, window: 'month', credits: 50, actor: '*' });
    await setLimit(fresh.db, { accountId, window: 'day', credits: 20, actor: member });
    await placeHold(fresh.db, { accountId, amount: 4, idempotencyKey: 'h', actor: member });
    const read = async (userId: string) =>
      (await members.list({ accountId })).members.find((one) => one.userId === userId);
    const month = { window: 'month', actor: '*', feature: null, credits: 50, soft: false };
    const day = { window: 'day', actor: member, credits: 20 };
    expect(await read(member)).toMatchObject({
      used: 7,
      limits: [
        { ...month, used: 11 },
        { ...day, used: 11 },
      ],
    });
    expect(await read(admin)).toMatchObject({ used: 0, limits: [{ ...month, used: 0 }] });
    await spend(fresh.db, { accountId, amount: 2, idempotencyKey: '2', actor: member });
    await fresh.db.query('select credits.roll_up_usage(1000)');
    await spend(fresh.db, { accountId, amount: 1, idempotencyKey: '3', actor: member });
    expect(await read(member)).toMatchObject({ used: 10, limits: [{ used: 14 }, { used: 14 }] });
    // The same numbers that refuse.
    const above = spend(fresh.db, { accountId, amount: 7, idempotencyKey: '4', actor: member });
    await expect(above).rejects.toMatchObject({ code: 'limit_reached', used: 14, limit: 20 });
  });
});
