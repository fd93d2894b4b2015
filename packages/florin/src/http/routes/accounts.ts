import { ACCOUNTS } from '../../contract/index.ts';
import {
  captureHold,
  explainBalance,
  extendHold,
  issueGrant,
  placeHold,
  readBalance,
  releaseHold,
} from '../../ledger/index.ts';
import { readJson, readJsonOrNothing, uuidOf } from '../body.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { createServerWrite } from '../server-calls.ts';

/** Adds the routes for the app's own server. Every write has a key, so that it may be repeated. */
export function addAccounts(app: App, parts: Parts): void {
  const { callers, spender } = parts;
  const { db } = parts;
  const write = createServerWrite(parts);

  addRoute(
    app,
    ACCOUNTS.spend,
    write(async (c, call) => {
      const { amount, actor, feature, metadata } = await readJson(c, ACCOUNTS.spend.body);
      return spender.spend({
        ...call,
        amount,
        actor,
        feature,
        ...(metadata === undefined ? {} : { metadata }),
      });
    }),
  );

  addRoute(
    app,
    ACCOUNTS.grant,
    write(async (c, call) => {
      const { effectiveAt, expiresAt, priority, metadata, ...grant } = await readJson(
        c,
        ACCOUNTS.grant.body,
      );
      return issueGrant(db, {
        ...call,
        ...grant,
        ...(priority === undefined ? {} : { priority }),
        ...(metadata === undefined ? {} : { metadata }),
        ...(effectiveAt === undefined ? {} : { effectiveAt: new Date(effectiveAt) }),
        ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
      });
    }),
  );

  addRoute(
    app,
    ACCOUNTS.placeHold,
    write(async (c, call) => {
      const { amount, actor, feature, expiresInSeconds, metadata } = await readJson(
        c,
        ACCOUNTS.placeHold.body,
      );
      return placeHold(db, {
        ...call,
        amount,
        actor,
        feature,
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
        ...(metadata === undefined ? {} : { metadata }),
      });
    }),
  );

  addRoute(
    app,
    ACCOUNTS.captureHold,
    write(async (c, { accountId }) => {
      const { amount, overage, metadata } = await readJsonOrNothing(c, ACCOUNTS.captureHold.body);
      const holdId = uuidOf(c, 'holdId');
      const hold = {
        accountId,
        holdId,
        ...(amount === undefined ? {} : { amount }),
        ...(overage === undefined ? {} : { overage }),
        ...(metadata === undefined ? {} : { metadata }),
      };
      return captureHold(db, hold, parts.catalog.debtLimit);
    }),
  );

  addRoute(
    app,
    ACCOUNTS.extendHold,
    write(async (c, call) => {
      const { expiresInSeconds } = await readJson(c, ACCOUNTS.extendHold.body);
      return extendHold(db, { ...call, holdId: uuidOf(c, 'holdId'), expiresInSeconds });
    }),
  );

  addRoute(
    app,
    ACCOUNTS.releaseHold,
    write((c, { accountId }) => releaseHold(db, { accountId, holdId: uuidOf(c, 'holdId') })),
  );

  addRoute(app, ACCOUNTS.read, async (c) => {
    await callers.server(c);
    const accountId = uuidOf(c, 'id');
    const [now, grants] = await Promise.all([
      readBalance(db, accountId),
      explainBalance(db, accountId),
    ]);
    return { accountId, ...now, grants };
  });
}
