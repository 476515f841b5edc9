// The studio's own routes, read only (their types: src/serve/studio/wire.ts).
import type {
  About,
  EngineView,
  ExpertTrace,
  LoadHistory,
  MetricsPage,
  RunDetail,
  RunSummary,
} from '../../../src/serve/studio/wire.ts'
import type { GenerateRequest } from './geminiTypes.ts'
import { access, apiFetch } from './http.ts'

export type {
  About,
  EngineView,
  ExpertTrace,
  LoadHistory,
  MetricsPage,
  MetricsRow,
  RunDetail,
  RunSummary,
} from '../../../src/serve/studio/wire.ts'

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await apiFetch(`/studio-api/${path}`, { signal })
  return (await response.json()) as T
}

const runPath = (name: string) => `runs/${encodeURIComponent(name)}`

export const getAbout = () => get<About>('about')
export const getRuns = async (signal?: AbortSignal) => (await get<{ runs: RunSummary[] }>('runs', signal)).runs
export const getRun = (name: string, signal?: AbortSignal) => get<RunDetail>(runPath(name), signal)
export const getEngine = (signal?: AbortSignal) => get<EngineView>('engine', signal)
export const getLoad = (name: string, frames: number, signal?: AbortSignal) =>
  get<LoadHistory>(`${runPath(name)}/load?frames=${frames}`, signal)

/** Rows of metrics.jsonl since `from` (the `next` of the page before; '': all). */
export const getMetrics = (name: string, from: string, signal?: AbortSignal) =>
  get<MetricsPage>(`${runPath(name)}/metrics?from=${encodeURIComponent(from)}`, signal)

/** Address of a report of a run. */
export function pageAddress(name: string, file: string): string {
  const { key } = access.value
  // a link sends no header
  const query = key === '' ? '' : `?key=${encodeURIComponent(key)}`
  return `/studio-api/${runPath(name)}/pages/${encodeURIComponent(file)}${query}`
}

/** Which experts read each token of a conversation, its last answer included. */
export async function traceExperts(
  model: string,
  request: GenerateRequest,
  signal?: AbortSignal,
): Promise<ExpertTrace> {
  const body = JSON.stringify({ model, request })
  const response = await apiFetch('/studio-api/experts', { method: 'POST', body, signal })
  return (await response.json()) as ExpertTrace
}
