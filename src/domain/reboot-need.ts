/** Whether a hypervisor needs a reboot, by its own account, and what shows it. */
import { BOOT_FILES_PROBE, kernelOf, whyUnbootable } from './boot-files.ts';
import type { CommandResult } from './fleet.ts';
import { BOOT_PROBE, parseBoot, parseLines } from './host-boot.ts';
import { isLike } from './like.ts';

export type RebootNeed =
  | {
      readonly need: 'yes' | 'no';
      /** The evidence, for people: `6.1.0-18 runs, 6.1.0-28 boots next`. */
      readonly why: string;
      readonly bootId: string;
      readonly running: string;
      /** When it booted, by its own clock, ISO 8601 in UTC. */
      readonly bootedAt?: string;
      /** The kernel that the boot loader starts next. */
      readonly next: string;
    }
  /** It cannot be told, or what boots next cannot be trusted: nothing is done to it. */
  | { readonly need: 'unclear'; readonly why: string };

/** What the kernel that boots next must be. */
export interface KernelRules {
  /** Patterns of the kernels that the site allows; none means all. */
  readonly kernels?: readonly string[];
  /** Its files must be there, and so much space free in /boot; left out, they are not looked at. */
  readonly bootFreeMb?: number;
}

/** Above it a shell says that the command could not be run, or was killed. */
const LAST_EXIT = 125;

/** Prints the kernel that boots next: what the boot loader says, else the newest that is installed. */
export const NEXT_KERNEL = `
if command -v grubby >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ]; then grubby --default-kernel; else sudo -n grubby --default-kernel; fi
else
  ls /boot/vmlinuz-* 2>/dev/null | grep -v rescue | sort -V | tail -n 1
fi`;

/**
 * Asks a host. Its first argument is a shell command as `NEXT_KERNEL`; its second, if it is not empty, one
 * that exits 0 when the site's update has nothing to do. Changes nothing.
 */
export const NEED_PROBE = `${BOOT_PROBE}
next=$(sh -c "$1") || echo "next_failed=$?"
echo "next=$next"
if [ -e /run/reboot-required ]; then
  echo "required=$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\\n' ' ')"
fi
if command -v needs-restarting >/dev/null 2>&1; then
  needs-restarting -r >/dev/null 2>&1; echo "restarting=$?"
fi
if [ -n "$2" ]; then sh -c "$2" >/dev/null 2>&1; echo "update=$?"; fi
${BOOT_FILES_PROBE}`;

/** The command line of the probe. */
export function needProbe(nextKernel: string, updateProbe = ''): readonly string[] {
  return ['sh', '-c', NEED_PROBE, 'need', nextKernel, updateProbe];
}

/**
 * Reads the probe's answer. What it does not say clearly is unclear, never a no; so is a need for a kernel
 * that `rules` do not let boot.
 */
export function parseNeed(answer: CommandResult, rules: KernelRules = {}): RebootNeed {
  const said = parseLines(answer.stdout);
  const boot = parseBoot(answer);
  const next = kernelOf(said.get('next') ?? '');

  if (boot === undefined) return unclear(`its answer makes no sense (exit ${answer.exit})`, answer.stderr);
  if (next === '' || /\s/.test(next) || said.has('next_failed')) {
    return unclear('which kernel boots next cannot be told (see option nextKernel)', answer.stderr);
  }
  const known = { ...boot, next };
  const signs = signsOfNeed(said, boot.running, next);
  const unfit = signs.length > 0 ? whyUnfit(answer, next, rules) : undefined;
  if (unfit !== undefined) return { need: 'unclear', why: unfit };
  if (signs.length > 0) return { need: 'yes', why: signs.join('; '), ...known };
  if (Number(said.get('update') ?? 0) > LAST_EXIT) {
    return unclear(`updateProbe failed (exit ${said.get('update')})`, answer.stderr);
  }
  if (!['0', undefined].includes(said.get('restarting'))) {
    return unclear(`needs-restarting failed (exit ${said.get('restarting')})`, answer.stderr);
  }
  return { need: 'no', why: `${boot.running} runs and boots next`, ...known };
}

/** Why the kernel `next` is not to be booted, by the probe's answer; undefined when it may be. */
export function whyUnfit(
  { stdout }: CommandResult,
  next: string,
  { kernels = [], bootFreeMb }: KernelRules,
): string | undefined {
  const isAllowed = kernels.length === 0 || kernels.some((pattern) => isLike(next, pattern));
  if (!isAllowed) return `${next} boots next, which is not on the site's list (option kernels)`;
  return bootFreeMb === undefined ? undefined : whyUnbootable(parseLines(stdout), next, bootFreeMb);
}

function signsOfNeed(said: ReadonlyMap<string, string>, running: string, next: string): string[] {
  const signs: string[] = [];
  const required = said.get('required');
  if (running !== next) signs.push(`${running} runs, ${next} boots next`);
  if (required !== undefined) signs.push(`/run/reboot-required${required === '' ? '' : `: ${required}`}`);
  if (said.get('restarting') === '1') signs.push('needs-restarting asks for a reboot');
  const update = Number(said.get('update') ?? 0);
  if (update > 0 && update <= LAST_EXIT) signs.push('an update waits (option updateProbe)');
  return signs;
}

function unclear(what: string, stderr: string): RebootNeed {
  const detail = stderr.trim().split('\n')[0];
  return { need: 'unclear', why: detail ? `${what}: ${detail}` : what };
}
