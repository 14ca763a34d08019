import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bounceAddress, readerIn } from '../../src/domain/verp.ts';

const OURS = 'patchd@example.org';

describe('the sender of a mail', () => {
  it.each([
    ['alice@site.example', 'patchd+b=alice=site.example@example.org'],
    ['a.b+c=d@site.example', 'patchd+b=a.b+c=d=site.example@example.org'],
  ])('for %s is %s, and names that reader', (reader, sender) => {
    expect(bounceAddress(OURS, reader)).toBe(sender);
    expect(readerIn(OURS, sender)).toBe(reader);
  });

  it.each([
    ['one that is too long', `${'a'.repeat(60)}@site.example`],
    ['one in quotes', '"a b"@site.example'],
    ['one that is not written in ASCII', 'grüße@site.example'],
    ['one without a domain', 'root@localhost'],
    ['what is no address', 'alice'],
  ])('for %s names nobody', (_, reader) => {
    expect(bounceAddress(OURS, reader)).toBe(OURS);
  });

  it.each([
    OURS,
    'patchd+b=alice@example.org',
    'patchd+b==site.example@example.org',
    'patchd+b=alice=@example.org',
    'patchd+c=alice=site.example@example.org',
    'other+b=alice=site.example@example.org',
    'patchd+b=alice=site.example@elsewhere.example',
    '',
  ])('%j is read as that of nobody', (given) => {
    expect(readerIn(OURS, given)).toBeUndefined();
  });

  it('is told whatever became of its capitals on the way', () => {
    expect(readerIn(OURS, 'Patchd+B=Alice=Site.example@EXAMPLE.ORG')).toBe('Alice@Site.example');
  });

  it('tells again whom it names, for any reader', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (reader) => {
        const sender = bounceAddress(OURS, reader);
        expect(readerIn(OURS, sender)).toBe(sender === OURS ? undefined : reader);
      }),
    );
  });
});
