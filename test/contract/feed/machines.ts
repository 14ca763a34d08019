/** The machines of which every feed is told, before it is asked what it makes of them. */

export interface Machine {
  readonly name: string;
  /** The server's id, for feeds that can tell. */
  readonly id: string;
  /** Open holes, by the id of each; feeds that only count see how many. */
  readonly holes: readonly { readonly id: string; readonly tags: readonly string[] }[];
  readonly reportedAt: Date;
  /** It stopped to report then. */
  readonly isSilent?: boolean;
  /** Tells apart machines of one name. */
  readonly address: string;
}

export const NOW = new Date(Math.floor(Date.now() / 1000) * 1000);
const LONG_AGO = new Date(NOW.getTime() - 40 * 86_400_000);

const SSH = { id: 'CVE-2024-6387', tags: ['EGI-Critical'] };
const KERNEL = { id: 'CVE-2024-1086', tags: ['EGI-High', 'Critical'] };

function machine(name: string, number: number, more: Partial<Machine> = {}): Machine {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  return { name, id, holes: [], reportedAt: NOW, address: `192.0.2.${number}`, ...more };
}

export const VULNERABLE = machine('host-172-16-105-23.nubes.example', 1, { holes: [SSH, KERNEL] });
export const WELL = machine('well.example', 2);
/** It had a hole when it was last heard. */
export const SILENT = machine('silent.example', 3, { holes: [SSH], reportedAt: LONG_AGO, isSilent: true });
/** The same machine under two addresses: what it says now, and what it said before. */
export const TWICE = machine('twice.example', 4, { holes: [SSH] });
const TWICE_BEFORE = machine('twice.example', 4, {
  holes: [SSH, KERNEL],
  reportedAt: LONG_AGO,
  isSilent: true,
  address: '192.0.2.44',
});
export const HOSTILE = machine('=cmd|x,"y" <script>Bcc: a@b', 5, { holes: [SSH] });

export const MACHINES = [VULNERABLE, WELL, SILENT, TWICE_BEFORE, TWICE, HOSTILE];
