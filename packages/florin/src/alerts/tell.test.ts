import { describe, expect, it } from 'vitest';
import { signatureOf } from '../stripe/index.ts';
import { isAlert } from './index.ts';

const NOW = new Date('2026-11-30T06:00:00Z');
const SECRET = 'Zq4w8Ns1Vb6Kx0Tj3Ry9Mh2Lf7Pd5CgA';
const BODY = Buffer.from('{"type":"balance_low"}');

describe('isAlert', () => {
  const asked = (changes: object = {}) => {
    const header = signatureOf(BODY, { secret: SECRET, now: NOW });
    return isAlert({ rawBody: BODY, header, secrets: [SECRET], now: NOW, ...changes });
  };
  const refusal = (changes: object) => {
    try {
      return asked(changes);
    } catch (thrown) {
      return (thrown as { code: string }).code;
    }
  };

  it('takes an alert that was signed with one of the secrets within five minutes', () => {
    expect(asked()).toBe(true);
    expect(asked({ secrets: ['another', SECRET] })).toBe(true);
    expect(asked({ now: new Date(NOW.getTime() + 301_000) })).toBe(false);
    expect(asked({ header: undefined })).toBe(false);
    expect(asked({ header: null })).toBe(false);
  });

  it('refuses an invalid date, since no age follows from it', () => {
    expect(refusal({ now: new Date(Number.NaN) })).toBe('invalid_input');
    expect(refusal({ now: Number.NaN })).toBe('invalid_input');
    expect(refusal({ now: undefined })).toBe('invalid_input');
  });

  it('refuses an empty secret, with which anybody can sign', () => {
    const header = signatureOf(BODY, { secret: '', now: NOW });
    expect(refusal({ header, secrets: [''] })).toBe('invalid_input');
    expect(refusal({ header, secrets: [SECRET, ''] })).toBe('invalid_input');
    expect(refusal({ header, secrets: [] })).toBe('invalid_input');
    expect(refusal({ header, secrets: '' })).toBe('invalid_input');
  });
});
