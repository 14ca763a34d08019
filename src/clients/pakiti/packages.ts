/** Which package is a CVE about on an operating system, and from which version on is it closed? */
import { bounded } from '../feed-text.ts';
import { inParallel } from '../openstack/in-parallel.ts';
import { type Asking, tryTo } from './ask.ts';
import { type Listing, marksByCve } from './hosts.ts';

export interface Package {
  readonly name: string;
  readonly fixed?: string;
}

/** Of machines that most have, those that many have; what is left is told without a package. */
const MOST_PACKAGES = 1000;
const PACKAGES_AT_ONCE = 4;
/** A server that cannot say of so many will not say of the others. */
const ENOUGH_FAULTS = 3;

/** What is not known of a package is a fault, and no reason to tell nothing. */
export async function askPackages(ask: Asking, listing: Listing, wanted: boolean) {
  const got = new Map<string, Package>();
  if (!wanted) return { got, faults: [] };
  const pairs = pairsOf(listing);
  const faults: string[] = [];
  const asked = pairs.slice(0, MOST_PACKAGES);
  await inParallel(asked, PACKAGES_AT_ONCE, async ({ cve, os }) => {
    if (faults.length >= ENOUGH_FAULTS) return;
    const read = (csv: string) => readPackage(csv, cve);
    const answer = await tryTo(() => ask.readText('cve.php', { cve, os }, read), undefined);
    if (answer.got !== undefined) got.set(pairKey(cve, os), answer.got);
    faults.push(...answer.faults);
  });
  const [first] = faults;
  const said = first === undefined ? [] : [`it is not known of all CVEs in which package they are: ${first}`];
  if (pairs.length > asked.length)
    said.push(
      `packages were asked for the ${asked.length} most frequent of ${pairs.length} CVEs and systems`,
    );
  return { got, faults: said };
}

/** CVEs with the systems that they are found on, the most frequent first. */
function pairsOf({ hosts, cves }: Listing): { cve: string; os: string }[] {
  const counts = new Map<string, { cve: string; os: string; count: number }>();
  for (const { os, marks } of hosts)
    for (const at of marksByCve(marks).keys()) {
      const cve = cves[at]!;
      const known = counts.get(pairKey(cve, os));
      if (known === undefined) counts.set(pairKey(cve, os), { cve, os, count: 1 });
      else known.count += 1;
    }
  return [...counts.values()].toSorted((a, b) => b.count - a.count);
}

/** What packages are found by. */
export function pairKey(cve: string, os: string): string {
  return `${cve}\n${os}`;
}

const HEAD = 'CVE,Os,Package name,Operator,Package version';

/**
 * The first one that the answer names for this CVE; undefined where it names none. Nothing in it is quoted, and the
 * name of an operating system may have commas, so a line is read from its end. Throws where the text is no such answer.
 */
function readPackage(csv: string, cve: string): Package | undefined {
  const [head, ...lines] = csv.split(/\r?\n/);
  if (head !== HEAD) throw new Error(`it does not begin with ${HEAD}`);
  const line = lines.find((each) => each.startsWith(`${cve},`));
  const [cell, operator, version] = line?.split(',').slice(-3) ?? [];
  const name = bounded(cell);
  const fixed = operator === '<' ? bounded(version) : undefined;
  return name === undefined ? undefined : { name, ...(fixed !== undefined && { fixed }) };
}
