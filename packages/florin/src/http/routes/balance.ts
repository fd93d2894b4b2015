import { z } from '@hono/zod-openapi';
import {
  type BalanceItem,
  type Entry,
  explainBalance,
  type Grant,
  listAllocations,
  listEntries,
  listGrants,
  readBalance,
} from '../../ledger/index.ts';
import { readQuery } from '../body.ts';
import { API_HEADERS, json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, BUYER, balance, liveGrant } from '../shapes.ts';

const PAGE = 50;

const cursor = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, { error: 'is not a cursor of this list' })
  .transform(Number)
  .optional();

export const transaction = z.object({
  entryId: z.string(),
  entryNo: z.int(),
  kind: z.string(),
  amount: z.int(),
  postedAfter: z.int(),
  grantId: z.string().nullable(),
  holdId: z.string().nullable(),
  reason: z.string().nullable(),
  planType: z.string().nullable(),
  allocations: z.array(
    z.object({ grantId: z.string().nullable(), amount: z.int(), reason: z.string().nullable() }),
  ),
  eventId: z.string().nullable().openapi({
    description: "The event of Stripe's that brought it: entries of one event belong together",
  }),
  createdAt: z.string(),
});

/** What a buyer sees of their own account, and of no other. */
export function addBalance(app: App, parts: Parts): void {
  const { addressOf, callers, feed, rateLimits } = parts;
  const { db } = parts.webhooks;
  const own = { tags: ['Buyer'], security: BUYER };

  addRoute(app, {
    method: 'get',
    path: '/api/balance',
    docs: {
      ...own,
      summary: 'The balance, with the grants that still have credits',
      responses: answers(
        { description: 'The balance', schema: balance.extend({ grants: z.array(liveGrant) }) },
        { 401: 'Not signed in' },
      ),
    },
    async handler(c) {
      const { accountId } = await callers.buyer(c);
      await rateLimits.take('buyer', accountId);
      const [now, items] = await Promise.all([
        readBalance(db, accountId),
        explainBalance(db, accountId),
      ]);
      return json({ ...now, grants: items.filter(isLive).sort(bySoonestExpiry).map(toLiveGrant) });
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/api/transactions',
    docs: {
      ...own,
      summary: 'The ledger of the account, newest first',
      request: { query: z.object({ cursor: z.string().optional() }) },
      responses: answers(
        {
          description: 'A page, and where the next one begins',
          schema: z.object({
            transactions: z.array(transaction),
            nextCursor: z.string().nullable(),
          }),
        },
        { 401: 'Not signed in' },
      ),
    },
    async handler(c) {
      const { accountId } = await callers.buyer(c);
      await rateLimits.take('buyer', accountId);
      const query = readQuery(c, z.object({ cursor }));
      const page = await readEntries(parts, { accountId, before: query.cursor });
      return json({
        transactions: page.entries.map(
          ({ idempotencyKey: _, actor: __, internalNote: ___, ...entry }) => entry,
        ),
        nextCursor: page.nextCursor,
      });
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/api/balance/stream',
    docs: {
      ...own,
      summary: 'The balance now and after each change, as server-sent events named `balance`',
      responses: answers(
        {
          description: 'A stream that ends when the token does',
          schema: z.string(),
          type: 'text/event-stream',
        },
        { 401: 'Not signed in', 429: 'Too many streams' },
      ),
    },
    async handler(c) {
      const buyer = await callers.buyer(c);
      await rateLimits.take('buyer', buyer.accountId);
      const stream = feed.open({
        accountId: buyer.accountId,
        address: addressOf(c),
        until: buyer.tokenExpiresAt,
        lastEventId: c.req.header('last-event-id'),
      });
      return new Response(stream, {
        headers: {
          ...API_HEADERS,
          'content-type': 'text/event-stream',
          // Asks nginx and its kind to pass events on as they come.
          'x-accel-buffering': 'no',
        },
      });
    },
  });
}

export type ShownEntry = z.infer<typeof transaction> & {
  readonly idempotencyKey: string;
  /** Who made it by hand; for operators only. */
  readonly actor: string | null;
  /** What operators noted for each other. */
  readonly internalNote: string | null;
};

/** A page of entries with the grants that paid for each. */
export async function readEntries(
  { webhooks: { db } }: Parts,
  page: { accountId: string; before: number | undefined },
): Promise<{ entries: ShownEntry[]; grants: Grant[]; nextCursor: string | null }> {
  const { accountId, before } = page;
  const grants = await listGrants(db, accountId);
  const found = await listEntries(db, {
    accountId,
    limit: PAGE + 1,
    ...(before === undefined ? {} : { before }),
  });
  const entries = found.slice(0, PAGE);
  const last = entries.at(-1);
  const allocations =
    last === undefined
      ? []
      : await listAllocations(db, { accountId, from: last.entryNo, to: entries[0]?.entryNo ?? 0 });
  const reasons = new Map(grants.map((grant) => [grant.grantId, textOf(grant.metadata, 'reason')]));
  const paidBy = (entry: Entry) =>
    allocations
      .filter(({ entryNo }) => entryNo === entry.entryNo)
      .map(({ grantId, amount }) => ({
        grantId,
        amount,
        reason: grantId === null ? null : (reasons.get(grantId) ?? null),
      }));
  return {
    grants,
    entries: entries.map((entry) => toEntry(entry, paidBy(entry))),
    nextCursor: found.length > PAGE && last !== undefined ? String(last.entryNo) : null,
  };
}

function toEntry(entry: Entry, allocations: ShownEntry['allocations']): ShownEntry {
  const { metadata, createdAt, ...rest } = entry;
  return {
    ...rest,
    reason: textOf(metadata, 'reason'),
    planType: textOf(metadata, 'plan_type'),
    eventId: textOf(metadata, 'stripe_event_id'),
    actor: textOf(metadata, 'actor'),
    internalNote: textOf(metadata, 'internal_note'),
    allocations,
    createdAt: createdAt.toISOString(),
  };
}

function isLive({ item, contributes }: BalanceItem): boolean {
  return item === 'grant' && contributes > 0;
}

function bySoonestExpiry(a: BalanceItem, b: BalanceItem): number {
  const at = ({ expiresAt }: BalanceItem) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
  return at(a) === at(b) ? 0 : at(a) - at(b);
}

function toLiveGrant(item: BalanceItem): z.infer<typeof liveGrant> {
  return {
    grantId: item.grantId ?? '',
    source: item.source ?? '',
    reason: textOf(item.metadata, 'reason'),
    planType: textOf(item.metadata, 'plan_type'),
    amount: item.amount,
    remaining: item.contributes,
    effectiveAt: item.issuedAt?.toISOString() ?? '',
    expiresAt: item.expiresAt?.toISOString() ?? null,
  };
}

export function textOf(metadata: Readonly<Record<string, unknown>> | null, key: string) {
  const value = metadata?.[key];
  return typeof value === 'string' ? value : null;
}
