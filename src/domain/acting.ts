/** May a run change anything? It takes three yeses: the configuration's, the job's, and that of whoever asks. */

/** Where a job may act: everywhere, nowhere, or within some aggregates or projects. */
export type Armed =
  | boolean
  | { readonly aggregates: readonly string[] }
  | { readonly projects: readonly string[] };

export type Acting =
  | { readonly acting: true }
  /** Completes the sentence "Dry run: nothing is changed (…)". */
  | { readonly acting: false; readonly why: string };

/** `go`: a cron trigger, or a person's explicit word. All that is missing is named at once. */
export function mayAct(asked: { job: string; dryRun: boolean; armed: Armed; go: boolean }): Acting {
  const missing = [
    asked.dryRun ? 'the configuration says dryRun: true' : '',
    asked.armed === false ? `${asked.job} is not armed` : '',
    asked.go ? '' : 'to act: --go',
  ].filter((reason) => reason !== '');
  if (missing.length === 0) return { acting: true };
  const scope =
    typeof asked.armed === 'boolean' ? [] : [`${asked.job} is armed for ${sayArmed(asked.armed)} only`];
  return { acting: false, why: [...missing, ...scope].join('; ') };
}

/** `aggregate canary`, `projects alpha and beta`. */
export function sayArmed(armed: Exclude<Armed, boolean>): string {
  const [noun, names] = 'aggregates' in armed ? ['aggregate', armed.aggregates] : ['project', armed.projects];
  return `${noun}${names.length === 1 ? '' : 's'} ${names.join(', ')}`;
}

/** Why nothing may be done to a hypervisor in these aggregates; undefined when something may. */
export function whyNotArmed(armed: Armed, aggregates: readonly string[]): string | undefined {
  if (armed === true) return undefined;
  if (armed === false) return 'not armed';
  const within = 'aggregates' in armed && armed.aggregates.some((name) => aggregates.includes(name));
  return within ? undefined : `not armed (outside ${sayArmed(armed)})`;
}
