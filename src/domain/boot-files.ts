/** Whether a kernel has on the host what it needs to boot: its image, its initramfs, its modules, and a /boot that is not full. */
import { sayList } from './say.ts';

const IMAGES = ['/boot/vmlinuz-K', '/boot/*/K/linux', '/boot/efi/*/K/linux', '/efi/*/K/linux'];
const INITRAMFS = [
  '/boot/initrd.img-K',
  '/boot/initramfs-K.img',
  '/boot/initrd-K',
  '/boot/*/K/initrd*',
  '/boot/efi/*/K/initrd*',
  '/efi/*/K/initrd*',
];
/** Image and initramfs in one. */
const UNIFIED = ['/boot/efi/EFI/Linux/*-K.efi', '/boot/EFI/Linux/*-K.efi', '/efi/EFI/Linux/*-K.efi'];

/** Of the kernel that the shell has in `$k`, or of any. */
const ofNext = (paths: readonly string[]): string => paths.join(' ').replaceAll('K', '"$k"');
const ofAny = (paths: readonly string[]): string => paths.join(' ').replaceAll('K', '*');

/**
 * A shell script that looks for the files of the kernel that `$next` names, by its version or by its
 * image's path. Changes nothing. A directory that may not be listed is said, because in it nothing is found.
 */
export const BOOT_FILES_PROBE = `
k=$(echo "$next" | sed 's/^.*\\/vmlinuz-//' | sed 's/\\/linux$//' | sed 's/^.*\\///')
images=no
for f in ${ofAny(IMAGES)} ${ofAny(UNIFIED)}; do if [ -e "$f" ]; then images=yes; fi; done
echo "images=$images"
for d in /boot /boot/efi /efi; do
  if [ -d "$d" ]; then if [ -r "$d" ]; then :; else echo "hidden=$d"; fi; fi
done
for f in ${ofNext(IMAGES)} ${ofNext(UNIFIED)}; do if [ -s "$f" ]; then echo "image=$f"; image=$f; fi; done
for f in ${ofNext(INITRAMFS)} ${ofNext(UNIFIED)}; do
  if [ -s "$f" ]; then echo "initramfs=$f"; elif [ -e "$f" ]; then echo "initramfs_empty=$f"; fi
done
for d in /lib/modules/"$k" /usr/lib/modules/"$k"; do
  if [ -s "$d/modules.dep" ]; then echo "modules=$d"; fi
done
echo "boot_df=$(df -Pk "$image" 2>/dev/null | tail -n 1)"`;

/** The version of a kernel that a boot loader names by its version or by its image's path. */
export function kernelOf(named: string): string {
  return named
    .replace(/^.*\/vmlinuz-/, '')
    .replace(/\/linux$/, '')
    .replace(/^.*\//, '');
}

/**
 * What the kernel `next` lacks by the probe's answer, for people; undefined when nothing. A host that has
 * no kernel's image at all boots from elsewhere (over the network, or it is a container): nothing is asked
 * of it.
 */
export function whyUnbootable(
  said: ReadonlyMap<string, string>,
  next: string,
  freeMb: number,
): string | undefined {
  const images = said.get('images');
  const hidden = said.get('hidden');
  const unasked = 'so what it needs to boot is not known (option bootFiles)';
  if (images !== 'yes' && images !== 'no')
    return `${next} boots next; its files cannot be looked for, ${unasked}`;
  if (images === 'no') return hidden === undefined ? undefined : `${hidden} may not be listed, ${unasked}`;

  const lacks = [
    ...(said.has('image') ? [] : ['its image']),
    ...(said.has('initramfs') ? [] : [emptyOr(said.get('initramfs_empty'))]),
    ...(said.has('modules') ? [] : ['its modules']),
  ];
  if (lacks.length > 0) return `${next} boots next, and the host lacks ${sayList(lacks)}`;
  const free = freeOf(said.get('boot_df') ?? '');
  if (free === undefined) return `the free space of /boot cannot be read, ${unasked}`;
  if (free >= freeMb) return undefined;
  return `/boot has ${free} MiB free, fewer than ${freeMb} (option bootFreeMb): what was written there last may be cut off`;
}

function emptyOr(empty: string | undefined): string {
  return empty === undefined ? 'its initramfs' : `its initramfs (${empty} is empty)`;
}

/** MiB in the fourth column of `df -Pk`. */
function freeOf(row: string): number | undefined {
  const [, , , kib = ''] = row.split(/\s+/);
  return /^\d+$/.test(kib) ? Math.floor(Number(kib) / 1024) : undefined;
}
