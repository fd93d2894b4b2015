import { describe, expect, it } from 'vitest';
import {
  AccountClosedError,
  AmountNotAllowedError,
  DatabaseUnavailableError,
  FlorinError,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
} from '../kernel/index.ts';
import { isConnectionLost, toFlorinError } from './sqlstate.ts';

const driverError = (code: string, more: object = {}) =>
  Object.assign(new Error(`said by the database (${code})`), { code, ...more });

describe('errors of the database', () => {
  it.each([
    ['CRDUP', IdempotencyKeyReusedError, 'idempotency_key_reused'],
    ['CRHLD', HoldNotOpenError, 'hold_not_open'],
    ['CRACC', AccountClosedError, 'account_closed'],
    ['CRAMT', AmountNotAllowedError, 'amount_not_allowed'],
    ['CRKEY', FlorinError, 'idempotency_key_invalid'],
    ['CRGRN', FlorinError, 'grant_not_found'],
  ])('%s keeps its message and becomes its own class', (sqlstate, type, code) => {
    const cause = driverError(sqlstate);
    const error = toFlorinError(cause);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ code, message: cause.message, cause });
  });

  it('says what to do, where the ledger gave a hint', () => {
    const hint = 'Pass both.';
    expect(toFlorinError(driverError('CRHLD', { hint })).message).toMatch(/\(CRHLD\) Pass both\.$/);
    expect(toFlorinError(driverError('22004', { hint }))).toMatchObject({ code: 'invalid_input' });
    expect(toFlorinError(driverError('22004'))).toMatchObject({ code: 'internal' });
  });

  it('reads what was available and what was required from the detail of CRINS', () => {
    const error = toFlorinError(driverError('CRINS', { detail: '{"available":7,"required":9}' }));
    expect(error).toBeInstanceOf(InsufficientCreditsError);
    expect(error.details).toEqual({ available: 7, required: 9 });
  });

  it.each([
    ['3F000', 'schema "credits" does not exist'],
    ['42P01', 'relation "billing.events" does not exist'],
  ])('%s about our own schema says that the database is not migrated', (sqlstate, message) => {
    const error = toFlorinError(Object.assign(new Error(message), { code: sqlstate }));
    expect(error).toBeInstanceOf(DatabaseUnavailableError);
    expect(error.message).toContain('florin migrate');
    const other = Object.assign(new Error('relation "orders" does not exist'), { code: sqlstate });
    expect(toFlorinError(other)).toMatchObject({ code: 'internal' });
  });

  it.each([
    '08006',
    '08P01',
    '57P01',
    '57P02',
    '57P03',
    '53300',
    '53100',
    '28P01',
    '3D000',
    'ECONNREFUSED',
    'ECONNRESET',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EPIPE',
  ])('%s means that the database is unavailable and the connection is lost', (code) => {
    expect(isConnectionLost(driverError(code))).toBe(true);
    expect(toFlorinError(driverError(code))).toBeInstanceOf(DatabaseUnavailableError);
  });

  it.each(['57014', '55P03', '40001', '40P01'])(
    '%s may be retried on the same connection',
    (code) => {
      expect(isConnectionLost(driverError(code))).toBe(false);
      expect(toFlorinError(driverError(code))).toBeInstanceOf(DatabaseUnavailableError);
    },
  );

  it('finds the reason inside a failure to reach any of several addresses', () => {
    const both = new AggregateError([driverError('ECONNREFUSED'), driverError('ECONNREFUSED')], '');
    expect(toFlorinError(both).message).toContain('ECONNREFUSED');
    expect(toFlorinError(both).code).toBe('database_unavailable');
  });

  it('hands on what it does not know as internal, with its SQLSTATE, constraint and cause', () => {
    const cause = driverError('23514', { constraint: 'grants_every_credit_is_somewhere' });
    expect(toFlorinError(cause)).toMatchObject({
      code: 'internal',
      details: { sqlstate: '23514', constraint: 'grants_every_credit_is_somewhere' },
      cause,
    });
  });

  it('leaves an error of Florin as it is', () => {
    const error = new FlorinError('not_found', 'gone');
    expect(toFlorinError(error)).toBe(error);
  });
});
