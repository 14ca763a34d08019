/** Whether a hypervisor needs a reboot, by its own account, and what shows it. */
import type { CommandResult } from './fleet.ts';
import { BOOT_PROBE, parseBoot, parseLines } from './host-boot.ts';

export type RebootNeed =
  | {
      readonly need: 'yes' | 'no';
      /** The evidence, for people: `6.1.0-18 runs, 6.1.0-28 boots next`. */
      readonly why: string;
      readonly bootId: string;
      readonly running: string;
      /** The kernel that the boot loader starts next. */
      readonly next: string;
    }
  | { readonly need: 'unclear'; readonly why: string };

/** Prints the kernel that boots next: what the boot loader says, else the newest that is installed. */
export const NEXT_KERNEL = `
if command -v grubby >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ]; then grubby --default-kernel; else sudo -n grubby --default-kernel; fi
else
  ls /boot/vmlinuz-* 2>/dev/null | grep -v rescue | sort -V | tail -n 1
fi`;

/** Asks a host; its first argument is a shell command as `NEXT_KERNEL`. Changes nothing. */
export const NEED_PROBE = `${BOOT_PROBE}
next=$(sh -c "$1") || echo "next_failed=$?"
echo "next=$next"
if [ -e /run/reboot-required ]; then
  echo "required=$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\\n' ' ')"
fi
if command -v needs-restarting >/dev/null 2>&1; then
  needs-restarting -r >/dev/null 2>&1; echo "restarting=$?"
fi`;

/** The command line of the probe. */
export function needProbe(nextKernel: string): readonly string[] {
  return ['sh', '-c', NEED_PROBE, 'need', nextKernel];
}

/** Reads the probe's answer. What it does not say clearly is unclear, never a no. */
export function parseNeed(answer: CommandResult): RebootNeed {
  const said = parseLines(answer.stdout);
  const boot = parseBoot(answer);
  const next = (said.get('next') ?? '').replace(/^.*\/vmlinuz-/, '');

  if (boot === undefined) return unclear(`its answer makes no sense (exit ${answer.exit})`, answer.stderr);
  if (next === '' || /\s/.test(next) || said.has('next_failed')) {
    return unclear('which kernel boots next cannot be told (see option nextKernel)', answer.stderr);
  }
  const signs = signsOfNeed(said, boot.running, next);
  if (signs.length > 0) return { need: 'yes', why: signs.join('; '), ...boot, next };
  if (!['0', undefined].includes(said.get('restarting'))) {
    return unclear(`needs-restarting failed (exit ${said.get('restarting')})`, answer.stderr);
  }
  return { need: 'no', why: `${boot.running} runs and boots next`, ...boot, next };
}

function signsOfNeed(said: ReadonlyMap<string, string>, running: string, next: string): string[] {
  const signs: string[] = [];
  const required = said.get('required');
  if (running !== next) signs.push(`${running} runs, ${next} boots next`);
  if (required !== undefined) signs.push(`/run/reboot-required${required === '' ? '' : `: ${required}`}`);
  if (said.get('restarting') === '1') signs.push('needs-restarting asks for a reboot');
  return signs;
}

function unclear(what: string, stderr: string): RebootNeed {
  const detail = stderr.trim().split('\n')[0];
  return { need: 'unclear', why: detail ? `${what}: ${detail}` : what };
}
