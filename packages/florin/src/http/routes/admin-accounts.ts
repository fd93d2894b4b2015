import { perSeatPrices } from '../../catalog/index.ts';
import { findByText, readAccountReport, showAccount } from '../../console/index.ts';
import { ADMIN_ACCOUNTS } from '../../contract/index.ts';
import { FlorinError, isUuid } from '../../kernel/index.ts';
import { adjust, issueGrant } from '../../ledger/index.ts';
import { readJson, readQuery } from '../body.ts';
import type { RequestContext } from '../context.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds what operators look up about accounts, and what they change by hand. */
export function addAdminAccounts(app: App, parts: Parts): void {
  const { callers, db, logger, stripe } = parts;
  const { credit } = parts.catalog;
  const deps = { db, stripe, logger, perSeat: perSeatPrices(parts.catalog) };

  addRoute(app, ADMIN_ACCOUNTS.search, async (c) => {
    await callers.operator(c);
    const { query = '' } = readQuery(c, ADMIN_ACCOUNTS.search.query);
    return findByText(deps, query);
  });

  addRoute(app, ADMIN_ACCOUNTS.show, async (c) => {
    await callers.operator(c);
    const { cursor } = readQuery(c, ADMIN_ACCOUNTS.show.query);
    return found(await readAccountReport(deps, { accountId: idOf(c), before: cursor }));
  });

  addRoute(app, ADMIN_ACCOUNTS.grant, async (c) => {
    const operator = await callers.operator(c);
    const body = await readJson(c, ADMIN_ACCOUNTS.grant.body);
    const { amount, expiresAt, reason, internalNote: note } = body;
    const accountId = await needAccount(c);
    const written = await issueGrant(db, {
      accountId,
      amount,
      idempotencyKey: keyOf(body),
      source: 'manual',
      ...(expiresAt == null ? {} : { expiresAt: new Date(expiresAt) }),
      metadata: { reason, actor: operator, ...(note ? { internal_note: note } : {}) },
    });
    logger.info({ accountId, amount: credit.show(amount), operator }, 'an operator grants credits');
    return written;
  });

  addRoute(app, ADMIN_ACCOUNTS.adjust, async (c) => {
    const operator = await callers.operator(c);
    const body = await readJson(c, ADMIN_ACCOUNTS.adjust.body);
    const { amount, reason, internalNote } = body;
    const accountId = await needAccount(c);
    const written = await adjust(db, {
      accountId,
      amount,
      idempotencyKey: keyOf(body),
      reason,
      actor: operator,
      internalNote: internalNote || undefined,
    });
    logger.info(
      { accountId, amount: credit.show(amount), operator },
      'an operator adjusts a balance',
    );
    return written;
  });

  /** A change by hand never makes an account: a mistyped id would become one. */
  async function needAccount(c: RequestContext): Promise<string> {
    return found(await showAccount(db, idOf(c))).accountId;
  }
}

/** The account in the path. */
function idOf(c: RequestContext): string {
  const accountId = c.req.param('id')?.toLowerCase();
  return found(isUuid(accountId) ? accountId : undefined);
}

function found<T>(account: T | undefined): T {
  if (account === undefined) {
    throw new FlorinError('not_found', 'There is no such account.');
  }
  return account;
}

function keyOf({ idempotencyKey }: { readonly idempotencyKey: string }): string {
  return `console:${idempotencyKey.toLowerCase()}`;
}
