/** Counts what test runs passed and failed. Pure. */

/**
 * @typedef {{ readonly passed: number, readonly failed: number, readonly skipped: number }} Tally
 * @typedef {{ readonly testResults?: readonly { readonly status?: string, readonly assertionResults?: readonly { readonly status: string, readonly fullName: string }[] }[] }} Report
 */

/**
 * Counts a vitest run by its exit code and JSON report (undefined: it wrote none). A file that failed
 * without a failed test, say because it does not load, counts as one failed; so does a run of which
 * nothing else says why it failed.
 *
 * @param {number} exit
 * @param {Report | undefined} report
 * @returns {Tally & { readonly skippedNames: readonly string[] }}
 */
export function tally(exit, report) {
  const tests = (report?.testResults ?? []).flatMap((file) => file.assertionResults ?? []);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const failedTests = tests.filter(({ status }) => status === 'failed').length;
  const failedFiles = (report?.testResults ?? []).filter(
    (file) => file.status === 'failed' && !file.assertionResults?.some(({ status }) => status === 'failed'),
  ).length;
  const failed = failedTests + failedFiles;
  const skippedNames = tests
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => fullName);
  const unexplained = failed === 0 && (exit !== 0 || report === undefined) ? 1 : 0;
  return { passed, failed: failed + unexplained, skipped: skippedNames.length, skippedNames };
}

/**
 * @param {readonly Tally[]} tallies
 * @returns {Tally}
 */
export function addUp(tallies) {
  return tallies.reduce(
    (sum, each) => ({
      passed: sum.passed + each.passed,
      failed: sum.failed + each.failed,
      skipped: sum.skipped + each.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
}

/**
 * `12 passed, 0 failed`, and `, 1 skipped` where there is one.
 *
 * @param {Tally} tally
 */
export function sentence({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
