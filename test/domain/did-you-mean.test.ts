import { describe, expect, it } from 'vitest';
import { didYouMean } from '../../src/domain/did-you-mean.ts';

describe('didYouMean', () => {
  it.each([
    { slip: 'a letter left out', word: 'limt', meant: 'limit' },
    { slip: 'a letter too many', word: 'limmit', meant: 'limit' },
    { slip: 'a wrong letter', word: 'linit', meant: 'limit' },
    { slip: 'two letters swapped', word: 'limti', meant: 'limit' },
    { slip: 'another case', word: 'STARTBY', meant: 'startBy' },
    { slip: 'a swap in a short word', word: 'no', meant: 'on' },
    { slip: 'two slips in a long word', word: 'Europ/Londno', meant: 'Europe/London' },
  ])('finds the word behind $slip: $word', ({ word, meant }) => {
    expect(didYouMean(word, ['hosts', 'limit', 'startBy', 'on', 'Europe/London'])).toBe(meant);
  });

  it.each(['colour', 'x', ''])('answers nothing rather than something far: "%s"', (word) => {
    expect(didYouMean(word, ['limit', 'hosts', 'armed'])).toBeUndefined();
  });

  it('prefers the nearer of two near words', () => {
    expect(didYouMean('renewMz', ['renewals', 'leaseMs', 'renewMs'])).toBe('renewMs');
  });
});
