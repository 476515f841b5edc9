// ---- the report of a run ----
export { type Facts, type ReportData, renderReport } from './report.ts'
export type { Source } from './sections.ts'
// ---- the report of a media tokenizer ----
export { renderTokenizerReport, type TokenizerReport, type TokenizerSection } from './mediaTokenizer.ts'
// ---- the report of a comparison ----
export type { AblationRow, ComparePage, CompareSummary, ContestantRow } from './compareData.ts'
export { renderComparePage } from './comparePage.ts'
// ---- what experts read ----
export { renderRoutingPage, type RoutingPageData } from './routingPage.ts'
