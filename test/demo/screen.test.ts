import { describe, expect, it } from 'vitest';
import { screenOn } from '../../src/demo/screen.ts';

function stream(isTTY: boolean, columns = 20) {
  const written: string[] = [];
  const out = { isTTY, columns, write: (text: string) => written.push(text) };
  return { written, screen: screenOn(out as unknown as NodeJS.WriteStream) };
}

describe('the screen', () => {
  it('shows what changes on a terminal only', () => {
    const { written, screen } = stream(false);

    screen.say(['one']);
    screen.show(['changes']);
    screen.say([]);
    screen.say(['two', 'three']);

    expect(written.join('')).toBe('one\ntwo\nthree\n');
    expect(screen.width).toBe(Number.POSITIVE_INFINITY);
  });

  it('writes over what changes, in one go and only when it did', () => {
    const { written, screen } = stream(true);

    screen.show(['a', 'b']);
    screen.show(['a', 'b']);
    screen.say(['stays']);
    screen.show([]);

    expect(written).toEqual([
      '\ra\u001b[K\nb\u001b[K\n\u001b[J',
      '\r\u001b[2Astays\u001b[K\na\u001b[K\nb\u001b[K\n\u001b[J',
      '\r\u001b[2A\u001b[J',
    ]);
  });

  it('cuts what changes, because a line that breaks would not be written over', () => {
    const { written, screen } = stream(true, 10);

    screen.show(['0123456789']);

    expect(written.join('')).toContain('\r01234567…\u001b[K\n');
  });
});
