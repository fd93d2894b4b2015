import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifySignature } from './signature.ts';

const SECRET = 'whsec_one';
const NOW = new Date('2026-11-23T12:00:00Z');
const SECONDS = Math.floor(NOW.getTime() / 1000);
const BODY = Buffer.from('{"id":"evt_1","note":"naïve ünïcode"}');

function sign(body: Uint8Array, more: { at?: number; secret?: string } = {}): string {
  const at = more.at ?? SECONDS;
  return createHmac('sha256', more.secret ?? SECRET)
    .update(`${at}.`)
    .update(body)
    .digest('hex');
}

function check(header: string | undefined, rawBody: Uint8Array = BODY, secrets = [SECRET]) {
  return verifySignature({ rawBody, header, secrets, now: NOW });
}

describe('the signature of a webhook', () => {
  it('is accepted over the raw bytes', () => {
    expect(check(`t=${SECONDS},v1=${sign(BODY)}`)).toEqual({ ok: true });
  });

  it('is accepted when any of many v1 matches any of several secrets', () => {
    const wrong = 'a'.repeat(64);
    const header = `t=${SECONDS},v1=${wrong},v1=${sign(BODY, { secret: 'whsec_two' })},v0=${wrong}`;
    expect(check(header, BODY, [SECRET, 'whsec_two'])).toEqual({ ok: true });
    expect(check(header)).toEqual({ ok: false, reason: 'no_match' });
  });

  it('is accepted when it is said twice in one header', () => {
    const v1 = `v1=${sign(BODY)}`;
    expect(check(`t=${SECONDS},${v1},${v1}`)).toEqual({ ok: true });
  });

  it.each([299, 300, -299, -300])('is accepted %i seconds from our clock', (age) => {
    const at = SECONDS - age;
    expect(check(`t=${at},v1=${sign(BODY, { at })}`)).toEqual({ ok: true });
  });

  it.each([
    [301, 'too_old'],
    [-301, 'too_new'],
  ] as const)('is refused %i seconds from our clock', (age, reason) => {
    const at = SECONDS - age;
    expect(check(`t=${at},v1=${sign(BODY, { at })}`)).toEqual({ ok: false, reason });
  });

  it.each([
    ['no header', undefined, 'missing'],
    ['an empty header', '', 'missing'],
    ['no timestamp', `v1=${sign(BODY)}`, 'malformed'],
    ['no signature', `t=${SECONDS}`, 'malformed'],
    ['v0 only', `t=${SECONDS},v0=${sign(BODY)}`, 'malformed'],
    ['a timestamp that is no number', `t=soon,v1=${sign(BODY)}`, 'malformed'],
    ['two timestamps', `t=${SECONDS},t=${SECONDS},v1=${sign(BODY)}`, 'malformed'],
    // As Node joins two lines of one header.
    ['two headers', `t=${SECONDS},v1=${sign(BODY)}, t=${SECONDS},v1=${sign(BODY)}`, 'malformed'],
    ['a signature that is no hex', `t=${SECONDS},v1=${'z'.repeat(64)}`, 'malformed'],
    ['a short signature', `t=${SECONDS},v1=${sign(BODY).slice(2)}`, 'malformed'],
    ['an upper-case signature', `t=${SECONDS},v1=${sign(BODY).toUpperCase()}`, 'malformed'],
    ['a header without end', `t=${SECONDS},${'v1=00,'.repeat(3000)}`, 'malformed'],
    ['the wrong secret', `t=${SECONDS},v1=${sign(BODY, { secret: 'whsec_x' })}`, 'no_match'],
    ['another time', `t=${SECONDS - 1},v1=${sign(BODY)}`, 'no_match'],
  ])('is refused with %s', (_name, header, reason) => {
    expect(check(header)).toEqual({ ok: false, reason });
  });

  it.each([
    ['a trailing byte', Buffer.concat([BODY, Buffer.from('\n')])],
    ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), BODY])],
    ['other spacing', Buffer.from(JSON.stringify(JSON.parse(BODY.toString()), null, 2))],
    ['another encoding', Buffer.from(BODY.toString(), 'latin1')],
    ['nothing', Buffer.alloc(0)],
  ])('is refused when the body has %s', (_name, body) => {
    expect(check(`t=${SECONDS},v1=${sign(BODY)}`, body)).toEqual({ ok: false, reason: 'no_match' });
  });

  it('is refused by an endpoint without secrets', () => {
    expect(check(`t=${SECONDS},v1=${sign(BODY)}`, BODY, [])).toEqual({
      ok: false,
      reason: 'no_match',
    });
  });

  it('is refused where nobody could tell how old it is', () => {
    const header = `t=${SECONDS},v1=${sign(BODY)}`;
    const now = new Date(Number.NaN);
    expect(verifySignature({ rawBody: BODY, header, secrets: [SECRET], now })).toEqual({
      ok: false,
      reason: 'too_old',
    });
  });

  it('is refused with an empty secret, which anybody has', () => {
    expect(check(`t=${SECONDS},v1=${sign(BODY, { secret: '' })}`, BODY, [SECRET, ''])).toEqual({
      ok: false,
      reason: 'no_match',
    });
  });
});
