// Talking to the server as any Gemini client does: models, counting tokens, streamed answers, and files.
//
// The studio uses no private door: what it sends is what "get code" shows.
import { apiFetch, ApiError, errorOf } from './http.ts'
import type { GenerateRequest, GenerateResponse, ModelInfo } from './geminiTypes.ts'
import { readEvents } from './sse.ts'

/** Models that can be asked. */
export async function listModels(): Promise<ModelInfo[]> {
  const response = await apiFetch('/v1beta/models?pageSize=100')
  return ((await response.json()) as { models?: ModelInfo[] }).models ?? []
}

/** Tokens of the prompt that a request makes. */
export async function countTokens(model: string, request: GenerateRequest, signal?: AbortSignal): Promise<number> {
  const { contents, systemInstruction, tools } = request
  const generateContentRequest = { model: `models/${model}`, contents, systemInstruction, tools }
  const response = await apiFetch(`/v1beta/models/${encodeURIComponent(model)}:countTokens`, {
    method: 'POST',
    body: JSON.stringify({ generateContentRequest }),
    signal,
  })
  return ((await response.json()) as { totalTokens?: number }).totalTokens ?? 0
}

/**
 * One answer, piece by piece. The signal ends the request, and with it the work of the server.
 *
 * @throws ApiError as the server told it, also in the middle of a stream
 */
export async function* streamAnswer(
  model: string,
  request: GenerateRequest,
  signal: AbortSignal,
): AsyncGenerator<GenerateResponse> {
  const response = await apiFetch(`/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`, {
    method: 'POST',
    body: JSON.stringify(request),
    signal,
  })
  if (response.body === null) throw new ApiError('the server sent an empty answer', 0)
  for await (const data of readEvents(response.body)) {
    const chunk = parse(data)
    if (chunk.error !== undefined) throw errorOf(chunk, chunk.error.code ?? 500)
    yield chunk
  }
}

function parse(data: string): GenerateResponse {
  try {
    return JSON.parse(data) as GenerateResponse
  } catch {
    throw new ApiError(`the server sent what is no JSON: ${data.slice(0, 80)}`, 0)
  }
}

/** Sends a file by the resumable upload in one piece. @returns its address for `fileData` */
export async function uploadFile(blob: Blob, mimeType: string, name: string, signal?: AbortSignal): Promise<string> {
  const start = await apiFetch('/upload/v1beta/files', {
    method: 'POST',
    headers: {
      'x-goog-upload-protocol': 'resumable',
      'x-goog-upload-command': 'start',
      'x-goog-upload-header-content-length': String(blob.size),
      'x-goog-upload-header-content-type': mimeType,
    },
    body: JSON.stringify({ file: { mimeType, displayName: name, sizeBytes: String(blob.size) } }),
    signal,
  })
  const address = start.headers.get('x-goog-upload-url')
  if (address === null) throw new ApiError('the server did not say where to send the file', 0)
  const { pathname, search } = new URL(address, location.href)
  const sent = await apiFetch(pathname + search, {
    method: 'POST',
    headers: { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' },
    body: blob,
    signal,
  })
  let file = ((await sent.json()) as { file: UploadedFile }).file
  while (file.state === 'PROCESSING') {
    await new Promise((resolve) => setTimeout(resolve, 500))
    file = (await (await apiFetch(`/v1beta/${file.name}`, { signal })).json()) as UploadedFile
  }
  if (file.state === 'FAILED') throw new ApiError(`the server could not read ${name}`, 400)
  return file.uri
}

interface UploadedFile {
  name: string
  uri: string
  state?: string
}
