/** In which state a host is beside its boot: devices, failed units, clock, model; and whether a reboot has spoilt any of it. */
import type { CommandResult } from './fleet.ts';
import { parseLines } from './host-boot.ts';
import { DEVICES_PROBE, type HostDevices, judgeDevices, parseDevices } from './host-devices.ts';
import type { Check } from './proof.ts';
import { sayCount, sayList } from './say.ts';

export type HostState = {
  readonly devices: HostDevices;
  /** Names; null where no systemd answers. */
  readonly failedUnits: readonly string[] | null;
  /** systemd still starts units. */
  readonly starting: boolean;
  /** Null where nothing tells. */
  readonly synchronised: boolean | null;
  /** What the firmware calls the machine; null where it has no name. */
  readonly model: string | null;
};

/** Asks a host; arguments as `DEVICES_PROBE`. Changes nothing. */
export const STATE_PROBE = `
echo "model=$(cat /sys/class/dmi/id/product_name 2>/dev/null)"
if command -v systemctl >/dev/null 2>&1; then
  units=$(systemctl list-units --state=failed --plain --no-legend --no-pager 2>/dev/null); echo "units_exit=$?"
  printf '%s\\n' "$units" | sed -n 's/^\\([^ ][^ ]*\\) .*$/unit:\\1/p'
  echo "system=$(systemctl is-system-running 2>/dev/null)"
fi
if command -v timedatectl >/dev/null 2>&1; then
  echo "ntp=$(timedatectl show -p NTPSynchronized --value 2>/dev/null)"
fi
if command -v chronyc >/dev/null 2>&1; then
  echo "leap=$(chronyc -n tracking 2>/dev/null | grep '^Leap status')"
fi
${DEVICES_PROBE}
echo "state=told"`;

/** The command line of the probe; `devices` is the site's command that lists more of them. */
export function stateProbe(devices = ''): readonly string[] {
  return ['sh', '-c', STATE_PROBE, 'state', devices];
}

/** Reads the probe's answer, or says why it cannot be relied on. */
export function parseState({
  stdout,
  stderr,
  exit,
}: CommandResult): HostState | { readonly unknown: string } {
  const said = parseLines(stdout);
  const detail = stderr.trim().split('\n')[0] || 'it said nothing';
  if (said.get('state') !== 'told') return { unknown: `its state cannot be read (exit ${exit}): ${detail}` };
  const listed = said.get('devices_exit');
  if (listed !== undefined && listed !== '0')
    return { unknown: `the command of option devices failed (exit ${listed}): ${detail}` };
  const units = [...stdout.matchAll(/^unit:(.+)$/gm)].map(([, unit = '']) => unit);
  return {
    devices: parseDevices(stdout, listed),
    failedUnits: said.get('units_exit') === '0' ? units.toSorted() : null,
    starting: ['initializing', 'starting'].includes(said.get('system') ?? ''),
    synchronised: isSynchronised(said),
    model: said.get('model') || null,
  };
}

function isSynchronised(said: ReadonlyMap<string, string>): boolean | null {
  const leap = said.get('leap')?.replace(/^Leap status\s*:\s*/, '');
  if (said.get('ntp') === 'yes') return true;
  if (leap) return leap !== 'Not synchronised';
  return said.get('ntp') === 'no' ? false : null;
}

/** One check for each thing that could be told before the reboot. */
export function judgeState(
  before: HostState,
  after: HostState | { readonly unknown: string },
): readonly Check[] {
  if ('unknown' in after) return [{ name: 'state', ok: false, saw: after.unknown }];
  return [
    ...judgeDevices(before.devices, after.devices),
    ...judgeUnits(before, after),
    ...judgeClock(before, after),
  ];
}

function judgeUnits(before: HostState, after: HostState): Check[] {
  const name = 'failed units';
  if (before.failedUnits === null) return [];
  if (after.failedUnits === null) return [{ name, ok: false, saw: 'its failed units cannot be listed' }];
  if (after.starting && !before.starting) return [{ name, ok: false, saw: 'it still starts its units' }];
  const known = before.failedUnits;
  const fresh = after.failedUnits.filter((unit) => !known.includes(unit));
  if (fresh.length > 0)
    return [{ name, ok: false, saw: `${sayCount(fresh.length, 'unit')} failed: ${sayList(fresh, 5)}` }];
  const old = after.failedUnits.length;
  return [{ name, ok: true, saw: old === 0 ? 'none' : `none that had not failed before (${old})` }];
}

function judgeClock(before: HostState, after: HostState): Check[] {
  if (before.synchronised !== true) return [];
  const ok = after.synchronised === true;
  return [{ name: 'clock', ok, saw: ok ? 'synchronised' : 'its clock is not synchronised, it was before' }];
}
