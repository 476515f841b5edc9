// ---- the report of a run ----
export { type Facts, type ReportData, renderReport } from './report.ts'
export type { Source } from './sections.ts'
