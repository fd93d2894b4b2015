import { z } from '@hono/zod-openapi';
import {
  type AccountHit,
  findAccounts,
  findWhereabouts,
  isLedgerSmall,
  listHolds,
  readBacklog,
  readOverview,
  readReconcileRuns,
  readSearch,
  showAccount,
  showTopUps,
  summarizeReconcile,
  type Whereabouts,
} from '../../console/index.ts';
import { FlorinError, isUuid, MAX_CREDITS } from '../../kernel/index.ts';
import {
  adjust,
  explainBalance,
  type Grant,
  issueGrant,
  verifyLedger,
} from '../../ledger/index.ts';
import { askCustomers, askRelated } from '../../stripe/index.ts';
import { type InboxEvent, listEvents, replayEvent, showEvent } from '../../webhooks/index.ts';
import { readJson, readQuery } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, jsonBody, OPERATOR } from '../shapes.ts';
import { readEntries, textOf } from './balance.ts';
import { packageVersion } from './documents.ts';

const PAGE = 50;
const OVERVIEW_KEPT_MS = 5_000;
const STATUSES = ['received', 'processed', 'skipped', 'failed', 'dead'] as const;
const PROBLEMS = { 401: 'Not signed in', 403: 'Not an operator' };

const eventQuery = z.object({
  status: z.enum(STATUSES).optional(),
  attention: z.enum(['true', 'false']).optional(),
  account: z.string().refine(isUuid, { error: 'must be a uuid' }).optional(),
  type: z.string().max(100).optional(),
  cursor: z.iso.datetime({ error: 'is not a cursor of this list' }).optional(),
});

/** By hand: a gift (`grant`, above 0) or a correction (`adjust`, up or down). */
const change = {
  reason: z
    .string()
    .trim()
    .min(1, { error: 'must say why; it is kept in the ledger, and the buyer reads it' })
    .max(500, { error: 'must be at most 500 characters' }),
  /** For operators; no buyer reads it. */
  internalNote: z.string().trim().max(500, { error: 'must be at most 500 characters' }).optional(),
  /** One press of the button: the same key again has no second effect. */
  idempotencyKey: z.string().refine(isUuid, { error: 'must be a uuid, new for each change' }),
};
const wholeCredits = z.int({ error: 'must be a whole number of credits' }).max(MAX_CREDITS);
const adjustBody = z.strictObject({
  amount: wholeCredits.min(-MAX_CREDITS).refine((n) => n !== 0, { error: 'must not be 0' }),
  ...change,
});
const grantBody = z.strictObject({
  amount: wholeCredits.min(1, { error: 'must be at least 1' }),
  expiresAt: z.iso.datetime({ error: 'must be an instant in UTC' }).nullish(),
  ...change,
});

/** What the operator's console shows, and what it does: replay an event, grant and adjust by hand. */
export function addAdmin(app: App, parts: Parts): void {
  const { callers, webhooks } = parts;
  const { db, logger, clock } = webhooks;
  const docs = (summary: string, problems: Record<number, string> = {}) => ({
    summary,
    tags: ['Operator'],
    security: OPERATOR,
    responses: answers(
      { description: 'As the console shows it', schema: z.looseObject({}) },
      { ...PROBLEMS, ...problems },
    ),
  });

  addRoute(app, {
    method: 'get',
    path: '/api/admin/events',
    docs: { ...docs('The inbox, newest first'), request: { query: eventQuery } },
    async handler(c) {
      await callers.operator(c);
      const { status, attention, account, type, cursor } = readQuery(c, eventQuery);
      const found = await listEvents(db, {
        status,
        needsAttention: attention === undefined ? undefined : attention === 'true',
        accountId: account,
        type,
        before: cursor === undefined ? undefined : new Date(cursor),
        limit: PAGE + 1,
      });
      const events = found.slice(0, PAGE);
      const nextCursor = found.length > PAGE ? (events.at(-1)?.receivedAt ?? null) : null;
      return json({ events, nextCursor });
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/api/admin/events/{id}',
    docs: docs('One event with its payload', { 404: 'There is no such event' }),
    async handler(c) {
      await callers.operator(c);
      return json(await needEvent(parts, c.req.param('id') ?? ''));
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/admin/events/{id}/replay',
    docs: docs('Processes an event again; harmless, since a key grants once', {
      404: 'There is no such event',
    }),
    async handler(c) {
      const operator = await callers.operator(c);
      const eventId = c.req.param('id') ?? '';
      const outcome = await replayEvent(webhooks, eventId);
      logger.info({ eventId, operator, ...outcome }, 'an operator replays an event');
      const { payload: _, ...event } = await needEvent(parts, eventId);
      return json(event);
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/api/admin/accounts',
    docs: {
      ...docs(
        'Whose an account id, any Stripe id or an email is, with the events about it; without a query the latest customers',
      ),
      request: { query: z.object({ query: z.string().optional() }) },
    },
    async handler(c) {
      await callers.operator(c);
      const { query = '' } = readQuery(c, z.object({ query: z.string().max(500).optional() }));
      const text = query.trim();
      return json(text === '' ? await readLatest(parts) : await search(parts, text));
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/api/admin/accounts/{id}',
    docs: {
      ...docs("An account's ledger with its lineage", { 404: 'There is no such account' }),
      request: { query: z.object({ cursor: z.string().optional() }) },
    },
    async handler(c) {
      await callers.operator(c);
      return json(await readAccount(c, parts));
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/admin/accounts/{id}/grant',
    docs: {
      ...docs('Gives credits by hand; who and why are kept', { 404: 'There is no such account' }),
      request: jsonBody(grantBody),
    },
    async handler(c) {
      const operator = await callers.operator(c);
      const { amount, expiresAt, reason, internalNote, idempotencyKey } = await readJson(
        c,
        grantBody,
      );
      const accountId = await needAccount(c, parts);
      const written = await issueGrant(db, {
        accountId,
        amount,
        idempotencyKey: `console:${idempotencyKey.toLowerCase()}`,
        source: 'manual',
        ...(expiresAt == null ? {} : { expiresAt: new Date(expiresAt) }),
        metadata: { reason, actor: operator, ...noted(internalNote) },
      });
      logger.info({ accountId, amount, operator }, 'an operator grants credits');
      return json(written);
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/admin/accounts/{id}/adjust',
    docs: {
      ...docs('Corrects a balance by hand, up or down; who and why are kept', {
        402: 'Fewer credits are available than it would take',
        404: 'There is no such account',
      }),
      request: jsonBody(adjustBody),
    },
    async handler(c) {
      const operator = await callers.operator(c);
      const { amount, reason, internalNote, idempotencyKey } = await readJson(c, adjustBody);
      const accountId = await needAccount(c, parts);
      const written = await adjust(db, {
        accountId,
        amount,
        idempotencyKey: `console:${idempotencyKey.toLowerCase()}`,
        reason,
        actor: operator,
        internalNote: internalNote || undefined,
      });
      logger.info({ accountId, amount, operator }, 'an operator adjusts a balance');
      return json(written);
    },
  });

  let overview: { at: number; read: Promise<object> } | undefined;
  addRoute(app, {
    method: 'get',
    path: '/api/admin/health',
    docs: docs('The state of the database, of Stripe, of the inbox and of the ledger'),
    async handler(c) {
      await callers.operator(c);
      const now = clock.now().getTime();
      if (overview === undefined || now - overview.at > OVERVIEW_KEPT_MS) {
        overview = { at: now, read: readHealth(parts) };
        // A failure is told, and not remembered.
        overview.read.catch(() => {
          overview = undefined;
        });
      }
      // Told anew: somebody may have compared just now.
      const [read, runs] = await Promise.all([overview.read, readReconcileRuns(db)]);
      return json({ ...read, reconcile: summarizeReconcile(runs) });
    },
  });
}

function noted(note: string | undefined): { internal_note?: string } {
  return note === undefined || note === '' ? {} : { internal_note: note };
}

type Found = {
  /** The id of Stripe's within what was pasted; null for an account or an address. */
  readonly stripeId: string | null;
  readonly accounts: readonly (AccountHit & { readonly email: string | null })[];
  /** Whose it is too, where nothing was ever granted or bought through us. */
  readonly withoutLedger: readonly string[];
  /** Newest first, about this payment or object alone. */
  readonly events: readonly InboxEvent[];
  /** What Stripe said; null where it was not asked. */
  readonly atStripe: Whereabouts['atStripe'];
};

async function readLatest({ webhooks: { db } }: Parts): Promise<Found> {
  const hits = await findAccounts(db);
  const accounts = hits.map((hit) => ({ ...hit, email: null }));
  return { stripeId: null, accounts, withoutLedger: [], events: [], atStripe: null };
}

async function search({ webhooks: { db }, stripe }: Parts, text: string): Promise<Found> {
  const wanted = readSearch(text);
  if (wanted === undefined) {
    return { stripeId: null, accounts: [], withoutLedger: [], events: [], atStripe: null };
  }
  const { accountIds, names, hasEvents, atStripe } = await findWhereabouts(db, wanted, {
    related: (id) => askRelated(stripe, id),
    customers: (email) => askCustomers(stripe, email),
  });
  const email = 'email' in wanted ? wanted.email : null;
  const [hits, events] = await Promise.all([
    accountIds.length === 0 ? [] : findAccounts(db, accountIds),
    hasEvents ? listEvents(db, { about: names, limit: PAGE }) : [],
  ]);
  const accounts = hits.map((hit) => ({ ...hit, email }));
  const shown = new Set(accounts.map(({ accountId }) => accountId));
  const withoutLedger = accountIds.filter((id) => !shown.has(id));
  const stripeId = 'stripeId' in wanted ? wanted.stripeId : null;
  return { stripeId, accounts, withoutLedger, events, atStripe };
}

async function needEvent(
  { webhooks }: Parts,
  eventId: string,
): Promise<InboxEvent & { readonly payload: unknown; readonly body: string | null }> {
  const event = await showEvent(webhooks.db, eventId);
  if (event === undefined) {
    throw new FlorinError('not_found', 'There is no such event.');
  }
  return { ...event, body: event.body?.toString('base64') ?? null };
}

/** The account in the path. A change by hand never makes an account: a typing error would be one. */
async function needAccount(c: RequestContext, { webhooks }: Parts): Promise<string> {
  const accountId = c.req.param('id')?.toLowerCase();
  if (!isUuid(accountId) || (await showAccount(webhooks.db, accountId)) === undefined) {
    throw new FlorinError('not_found', 'There is no such account.');
  }
  return accountId;
}

async function readAccount(c: RequestContext, parts: Parts): Promise<object> {
  const { db } = parts.webhooks;
  const accountId = c.req.param('id')?.toLowerCase();
  const { cursor } = readQuery(
    c,
    z.object({
      cursor: z
        .string()
        .regex(/^[1-9]\d{0,15}$/)
        .transform(Number)
        .optional(),
    }),
  );
  const account = isUuid(accountId) ? await showAccount(db, accountId) : undefined;
  if (accountId === undefined || account === undefined) {
    throw new FlorinError('not_found', 'There is no such account.');
  }
  const { entries, grants, nextCursor } = await readEntries(parts, {
    accountId,
    before: cursor,
  });
  const [items, holds, email, topUp] = await Promise.all([
    explainBalance(db, accountId),
    listHolds(db, accountId),
    emailOf(parts, account.customerId),
    showTopUps(db, accountId),
  ]);
  const explained = new Map(items.map((item) => [item.grantId, item]));
  const { posted, held, available, nextExpiryAt } = account;
  return {
    accountId,
    customerId: account.customerId,
    email,
    closedAt: account.closedAt,
    balance: { posted, held, available, nextExpiryAt },
    grants: grants.map((grant) => {
      const item = explained.get(grant.grantId);
      const burned = (item?.spent ?? 0) + (item?.reserved ?? 0);
      return { ...toAdminGrant(grant), burned, voided: item?.voided ?? 0 };
    }),
    holds,
    topUp,
    entries,
    nextCursor,
  };
}

function toAdminGrant(grant: Grant) {
  return {
    ...grant,
    metadata: grant.metadata ?? {},
    reason: textOf(grant.metadata, 'reason'),
    planType: textOf(grant.metadata, 'plan_type'),
    actor: textOf(grant.metadata, 'actor'),
    internalNote: textOf(grant.metadata, 'internal_note'),
  };
}

/** Only Stripe knows it; an account is shown without it rather than not at all. */
async function emailOf(
  { stripe, webhooks: { logger } }: Parts,
  customerId: string | null,
): Promise<string | null> {
  if (customerId === null) {
    return null;
  }
  try {
    const customer = await stripe.customers.retrieve(customerId, undefined, {
      timeout: 2_000,
      maxNetworkRetries: 0,
    });
    return customer.deleted ? null : customer.email;
  } catch (error) {
    logger.debug({ customerId, error: String(error) }, 'an email was not read');
    return null;
  }
}

async function readHealth({ webhooks, stripe }: Parts): Promise<object> {
  const { db } = webhooks;
  const [overview, { lagSeconds }, stripeState] = await Promise.all([
    readOverview(db),
    readBacklog(db),
    stripe.balance.retrieve({}, { timeout: 2_000, maxNetworkRetries: 0 }).then(
      () => 'ok',
      () => 'unavailable',
    ),
  ]);
  return {
    database: 'ok',
    stripe: stripeState,
    ...overview,
    lagSeconds,
    // Proving a large ledger is work for `florin verify`, not for a page: null says nothing about it.
    ledgerFaults: (await isLedgerSmall(db)) ? (await verifyLedger(db)).length : null,
    version: packageVersion(),
  };
}
