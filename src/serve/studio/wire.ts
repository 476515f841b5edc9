// What the studio's own routes answer, as JSON: the only file of src/ that the studio imports, and only its types.
//
//   GET  /studio-api/about                      About
//   GET  /studio-api/runs                       { runs: RunSummary[] }
//   GET  /studio-api/runs/NAME                  RunDetail
//   GET  /studio-api/runs/NAME/metrics?from=    MetricsPage: what was appended since `from`
//   GET  /studio-api/runs/NAME/load?frames=     LoadHistory
//   GET  /studio-api/runs/NAME/pages/FILE       a report, as HTML
//   GET  /studio-api/engine                     EngineView
//   POST /studio-api/experts                    ExpertTrace of { model, request: GenerateContentRequest }
//
// Errors have the Gemini shape: { error: { code, message, status } }. Nothing here changes anything.

export interface About {
  version: string
  /** Folder of the runs, as `pollux serve` was told. */
  runsFolder: string
  /** Whether an engine can be asked for its figures, and for experts of an answer. */
  engine: boolean
  experts: boolean
}

export interface RunSummary {
  name: string
  /** ISO time. */
  createdAt: string
  preset: string
  /** What it read: 'world', or what --data named. */
  data: string
  /** Bytes of metrics.jsonl and milliseconds since 1970 of its last change; 0 when there is none. */
  bytes: number
  changedAt: number
  /** Written to in the last minute, and without an outcome. */
  live: boolean
  outcome?: RunFigures
}

export interface RunFigures {
  step: number
  tokens: number
  seconds: number
  lossBitsPerByte: number
  valBitsPerByte?: number
  tokensPerSecond: number
  parameters: number
  stopped: boolean
}

export interface RunDetail extends RunSummary {
  /** run.json's request, and the model's config.json if there is a checkpoint. */
  request: Record<string, unknown>
  config?: Record<string, unknown>
  /** Reports there are, such as report.html. */
  pages: string[]
}

/** One step as the curves need it; NaN and missing are null. */
export interface MetricsRow {
  step: number
  tokens: number
  /** Seconds since the start. */
  seconds: number
  /** Bits a byte, of training and (some steps) of validation. */
  loss: number | null
  validation: number | null
  gradNorm: number | null
  learningRate: number | null
  tokensPerSecond: number | null
  mfu: number | null
  balance: number | null
  /** Share of the run that is done, 0 to 1. */
  done: number | null
}

export interface MetricsPage {
  /** Names the file: another value means another file (a resumed run rewrites it), so rows begin anew. */
  file: string
  /** What to ask for next; whole lines only. */
  next: string
  /** True when `rows` replace all earlier ones. */
  reset: boolean
  rows: MetricsRow[]
  /** More can be read at once. */
  more: boolean
}

/** Tokens that each expert read over a run, thinned to some steps. */
export interface LoadHistory {
  steps: number[]
  /** [frames][layers with experts][experts] */
  load: number[][][]
}

/** EngineStats (src/inference), and when it was asked. */
export interface EngineView {
  at: number
  contextTokens: number
  running: number
  waiting: number
  batch: number
  pages: { used: number; kept: number; lost: number; total: number }
  prefix: { queries: number; hitTokens: number; queryTokens: number; nodes: number; pinned: number }
  tokens: { prompt: number; output: number; forced: number; drafted: number; accepted: number }
  /** Rows each expert read since the start, [layers with experts][experts]. */
  expertLoad: number[][]
}

/** Which experts read each token of a conversation. */
export interface ExpertTrace {
  /** Text of every token; '' for what is no text, and pieces of a character are joined to the last of them. */
  tokens: string[]
  /** Place of the first token of the last answer. */
  answerStart: number
  /** Number of each layer with experts, from 0. */
  layers: number[]
  experts: number
  topK: number
  /** [layers][tokens * topK], the likeliest first. */
  chosen: number[][]
  /** What each counts in the sum, rounded; 0 for an empty slot. */
  weights: number[][]
}
