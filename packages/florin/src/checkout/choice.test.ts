import { describe, expect, it } from 'vitest';
import { checkMetadata } from './index.ts';

describe('what a page notes beside a purchase', () => {
  it.each([
    ['NUL', 'a\0b'],
    ['half a surrogate pair', 'a\ud800'],
  ])('is refused with %s in it, before Stripe sees it, naming the field', (_name, note) => {
    expect(() => checkMetadata({ campaign: 'spring', note })).toThrow(
      'metadata.note: must be well-formed Unicode without NUL.',
    );
  });

  it('is taken as it is where it can be stored', () => {
    const notes = { note: 'Grüße 👋\n', empty: '' };
    expect(checkMetadata(notes)).toEqual(notes);
  });
});
