/** What do Pakiti's XML exports say: since when a CVE has a tag and why, and which packages are excepted? */
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { bounded, webLink } from '../feed-text.ts';

/** What an administrator said when a CVE was given a tag. */
export interface Advice {
  readonly cve: string;
  readonly tag: string;
  /** On the clocks of the server. */
  readonly since: string;
  readonly url?: string;
}

export interface Exception {
  readonly cve: string;
  /** `openssh 0:8.7p1-34.el9` */
  readonly package: string;
  readonly reason: string;
}

/** An empty element may stand for false. */
const Text = z.string().default('');

const Tags = z.array(
  z.object({ cveName: Text, tagName: Text, infoUrl: Text, enabled: Text, timestamp: Text }),
);

const Exceptions = z.array(
  z.object({
    cveName: Text,
    reason: Text,
    pkg: z.object({ name: Text, version: Text, release: Text }).partial().or(z.literal('')).default({}),
  }),
);

/** Those that are in use. Throws where the text is no such export. */
export function readAdvice(xml: string): Advice[] {
  return Tags.parse(elementsOf(xml, 'cveTags', 'cveTag'))
    .filter(({ enabled }) => enabled === '1')
    .map(({ cveName, tagName, infoUrl, timestamp }) => {
      const url = webLink(infoUrl);
      return { cve: cveName, tag: tagName, since: timestamp, ...(url !== undefined && { url }) };
    });
}

/** Throws where the text is no such export. */
export function readExceptions(xml: string): Exception[] {
  return Exceptions.parse(elementsOf(xml, 'cveExceptions', 'cveException')).map(
    ({ cveName, reason, pkg }) => {
      const { name = '', version = '', release = '' } = pkg === '' ? {} : pkg;
      return {
        cve: bounded(cveName) ?? 'a CVE without a name',
        package:
          bounded(`${name} ${[version, release].filter((part) => part !== '').join('-')}`) ?? 'a package',
        reason: bounded(reason) ?? '',
      };
    },
  );
}

/** Only the five entities of XML are expanded: a document that declares others is refused. */
function elementsOf(xml: string, root: string, element: string): unknown[] {
  if (/<!(DOCTYPE|ENTITY)/i.test(xml)) throw new Error('it declares entities of its own');
  const parser = new XMLParser({
    ignoreAttributes: true,
    parseTagValue: false,
    isArray: (name) => name === element,
  });
  const document = parser.parse(xml, true) as Record<string, Record<string, unknown[]> | '' | undefined>;
  const inside = document[root];
  if (inside === undefined) throw new Error(`it has no <${root}>`);
  return inside === '' ? [] : (inside[element] ?? []);
}
