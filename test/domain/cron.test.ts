import { describe, expect, it } from 'vitest';
import { cronFault } from '../../src/domain/cron.ts';

describe('cronFault', () => {
  it.each([
    '30 22 * * mon-thu',
    '*/15 * * * *',
    '0 9 * * MON-FRI',
    '0 0 1,15 jan-mar 0',
    '5-55/10 0-6 * * 7',
    '  0   3  *  *  sun ',
  ])('has nothing against "%s"', (expression) => {
    expect(cronFault(expression)).toBeUndefined();
  });

  it.each([
    ['', 'a schedule has 5 fields (minute, hour, day of month, month, day of week), this has 0'],
    ['@daily', 'a schedule has 5 fields (minute, hour, day of month, month, day of week), this has 1'],
    ['0 30 22 * * *', 'a schedule has 5 fields (minute, hour, day of month, month, day of week), this has 6'],
    ['60 * * * *', '"60" is no minute (0–59)'],
    ['0 24 * * *', '"24" is no hour (0–23)'],
    ['0 0 0 * *', '"0" is no day of month (1–31)'],
    ['0 0 * janu *', '"janu" is no month (1–12 or jan–dec)'],
    ['0 0 * * mon-fry', '"mon-fry" is no day of week (0–7 or sun–sat)'],
    ['0 0 * * fri-mon', '"fri-mon" runs backwards (day of week)'],
    ['*/0 * * * *', '"*/0" has a step of 0 (minute)'],
    ['1,,2 * * * *', '"" is no minute (0–59)'],
    ['*-5 * * * *', '"*-5" is no minute (0–59)'],
    ['-5 * * * *', '"-5" is no minute (0–59)'],
  ])('says what is wrong with "%s": %s', (expression, fault) => {
    expect(cronFault(expression)).toBe(fault);
  });
});
