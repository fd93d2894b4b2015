import { ACCOUNTS, MAX_KEY } from '../../contract/index.ts';
import { FlorinError, isUuid } from '../../kernel/index.ts';
import {
  captureHold,
  explainBalance,
  extendHold,
  issueGrant,
  placeHold,
  readBalance,
  releaseHold,
} from '../../ledger/index.ts';
import { readJson } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { type Answered, json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

const REPLAYED = { 'idempotent-replayed': 'true' };

/** Adds the routes for the app's own server. Every write has a key, so that it may be repeated. */
export function addAccounts(app: App, parts: Parts): void {
  const { callers, feed, spend } = parts;
  const { db } = parts.webhooks;

  /** Checks the caller and the key, lets `work` write, and says when the answer is that of an earlier call. */
  function write<T extends { replayed: boolean }>(
    work: (c: RequestContext, call: { accountId: string; idempotencyKey: string }) => Promise<T>,
  ) {
    return async (c: RequestContext): Promise<Answered<T>> => {
      const refusing = callers.server(c);
      if (refusing !== undefined) {
        await refusing;
      }
      const call = { accountId: uuidOf(c, 'id'), idempotencyKey: keyOf(c) };
      const result = await work(c, call);
      feed.changed(call.accountId);
      return json(result, result.replayed ? { headers: REPLAYED } : {});
    };
  }

  addRoute(
    app,
    ACCOUNTS.spend,
    write(async (c, call) => {
      const { amount, metadata } = await readJson(c, ACCOUNTS.spend.body);
      return spend({ ...call, amount, ...(metadata === undefined ? {} : { metadata }) });
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
      const { amount, expiresInSeconds, metadata } = await readJson(c, ACCOUNTS.placeHold.body);
      return placeHold(db, {
        ...call,
        amount,
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
        ...(metadata === undefined ? {} : { metadata }),
      });
    }),
  );

  addRoute(
    app,
    ACCOUNTS.captureHold,
    write(async (c, { accountId }) => {
      const { amount, overage } = await readJson(c, ACCOUNTS.captureHold.body);
      const holdId = uuidOf(c, 'holdId');
      return captureHold(db, {
        accountId,
        holdId,
        ...(amount === undefined ? {} : { amount }),
        ...(overage === undefined ? {} : { overage }),
      });
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

function uuidOf(c: RequestContext, name: string): string {
  const value = c.req.param(name);
  if (!isUuid(value)) {
    throw new FlorinError('invalid_input', `${name}: must be a uuid.`);
  }
  return value.toLowerCase();
}

/** Reads the key: a text in quotes, as the IETF draft has it, or a bare one, as Stripe writes it. */
function keyOf(c: RequestContext): string {
  const header = c.req.header('idempotency-key')?.trim() ?? '';
  if (header === '') {
    throw new FlorinError(
      'idempotency_key_missing',
      'Send the header Idempotency-Key with a name for this one operation, and repeat it on every retry.',
    );
  }
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header)?.[1];
  const value = quoted === undefined ? header : quoted.replaceAll(/\\(["\\])/g, '$1');
  if (value === '' || value.length > MAX_KEY || !/^[\x20-\x7e]+$/.test(value)) {
    throw new FlorinError(
      'idempotency_key_invalid',
      `Idempotency-Key must be 1 to ${MAX_KEY} printable ASCII characters.`,
    );
  }
  return value;
}
