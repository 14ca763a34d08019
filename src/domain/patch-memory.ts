/** What is kept between two looks at the patches of a cloud, and in which tables? */

/** Server id → `CaseState`. */
export const PATCH_CASES = 'patch-cases';
/** `ownerRow` or `contactRow` → `NoticeRow`. */
export const PATCH_NOTICES = 'patch-notices';
/** `mailKey` of an owner → `OwnerStanding`. */
export const PATCH_OWNERS = 'patch-owners';
/** Day, `20261127` → `ComplianceTrend`; a day that is as the one before has no row. */
export const PATCH_TRENDS = 'patch-trends';
/** Day → how many mails to owners and contacts were posted on it. */
export const PATCH_MAILED = 'patch-mailed';
/** `REPORTED` → what the last report had operators look at, so that it is not said every day. */
export const PATCH_REPORTS = 'patch-reports';
export const REPORTED = 'last';
/** `exemptionKey` → `ExemptionRow`. */
export const EXEMPTIONS = 'exemptions';
