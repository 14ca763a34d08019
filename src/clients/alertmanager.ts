/** Alerts and silences of an Alertmanager (API v2). Implements the `Alertmanager` port. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Alertmanager, Matchers } from '../domain/monitoring.ts';
import { shellQuote } from '../domain/shell-quote.ts';
import { MonitoringError, type MonitoringSettings, openMonitoring } from './monitoring-http.ts';

const Alerts = z.array(z.object({ labels: z.record(z.string(), z.string()), startsAt: z.string() }));

const Matcher = z.object({
  name: z.string(),
  value: z.string(),
  isRegex: z.boolean(),
  isEqual: z.boolean().default(true),
});

const Silences = z.array(
  z.object({
    id: z.string(),
    createdBy: z.string(),
    endsAt: z.iso.datetime({ offset: true }).transform((time) => new Date(time)),
    startsAt: z.string(),
    matchers: z.array(Matcher),
    status: z.object({ state: z.enum(['active', 'pending', 'expired']) }),
  }),
);
type Known = z.output<typeof Silences>[number];

/** Asks nothing before its first call. */
export function openAlertmanager(settings: MonitoringSettings): Alertmanager {
  const ask = openMonitoring('Alertmanager', settings);

  /** The creator is the mark: neither people nor other runs write it. */
  async function living(mark: string): Promise<Known[]> {
    const all = await ask({ method: 'GET', path: '/api/v2/silences', answer: Silences });
    return all.filter(({ createdBy, status }) => createdBy === mark && status.state !== 'expired');
  }

  return {
    async alerts(matchers) {
      const filters = Object.entries(matchers).map(([label, value]) => `${label}=~${JSON.stringify(value)}`);
      const query = [
        ...['active=true', 'silenced=false', 'inhibited=false'].map((each) => each.split('=')),
        ...filters.map((filter) => ['filter', filter]),
      ] as [string, string][];
      const alerts = await ask({ method: 'GET', path: '/api/v2/alerts', query, answer: Alerts });
      return alerts.map(({ labels, startsAt }) => ({
        name: labels['alertname'] ?? 'an alert without a name',
        labels,
        since: startsAt,
      }));
    },

    async silence({ mark, matchers, until }) {
      const wanted = toMatchers(matchers);
      const known = (await living(mark)).find((each) => isDeepStrictEqual(sorted(each.matchers), wanted));
      if (known !== undefined && known.endsAt >= until) return known.endsAt;
      await ask({
        method: 'POST',
        path: '/api/v2/silences',
        body: {
          // With its id a silence is prolonged; without one this is another.
          ...(known === undefined ? {} : { id: known.id }),
          matchers: wanted,
          startsAt: known?.startsAt ?? new Date().toISOString(),
          endsAt: until.toISOString(),
          createdBy: mark,
          comment:
            'Nightshift reboots this hypervisor; it ends the silence once the hypervisor is proved well.',
        },
        answer: z.object({ silenceID: z.string() }),
      });
      return until;
    },

    async expire(mark) {
      const silences = await living(mark);
      for (const { id } of silences) await end(id);
      return silences.length;
    },

    async expireCommands(mark) {
      const amtool = `amtool --alertmanager.url=${shellQuote(settings.url)} silence`;
      return [`${amtool} expire $(${amtool} query --quiet --created-by=${shellQuote(mark)})`];
    },
  };

  /** One that somebody ended, or that ended by itself and was forgotten, has ended. */
  async function end(id: string): Promise<void> {
    try {
      await ask({ method: 'DELETE', path: `/api/v2/silence/${id}`, answer: z.unknown() });
    } catch (error) {
      if (!(error instanceof MonitoringError) || error.status !== 404) throw error;
    }
  }
}

function toMatchers(matchers: Matchers): Known['matchers'] {
  return sorted(
    Object.entries(matchers).map(([name, value]) => ({ name, value, isRegex: true, isEqual: true })),
  );
}

/** Alertmanager lists them in an order of its own. */
function sorted(matchers: Known['matchers']): Known['matchers'] {
  return matchers
    .map(({ name, value, isRegex, isEqual }) => ({ name, value, isRegex, isEqual }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
