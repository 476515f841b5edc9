// One request of the soak and what became of it. node:http, so that a client can leave at any moment, as real ones do.
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http'
import { isRecord } from '../../src/util/index.ts'

export interface SoakRequest {
  kind: string
  method?: 'POST' | 'DELETE'
  path: string
  body: string | Uint8Array
  headers: Record<string, string>
  /** Whether the body is one that a server must refuse with 4xx. */
  isWrong?: boolean
  /** Whether what it names may be gone by now. */
  allows404?: boolean
  /** Leaves after so many milliseconds, or so many pieces of the answer; what of the body is not sent by then never is. */
  leave?: { ms?: number; pieces?: number; halfBody?: boolean }
  /** Says what is wrong with a whole answer; undefined: nothing. */
  check?(text: string): string | undefined
  /** What is asked next, once this is answered. */
  then?(text: string): SoakRequest | undefined
}

/**
 * answered: whole and well-formed; refused: 429 or 503 that says when to come again; rejected: 4xx for a wrong body; left: the
 * client went. These are as they must be. unanswered: the connection broke, or nothing came for long; failed: a status of 500,
 * or a stream that ended in an error; wrong: anything else.
 */
export type Outcome = 'answered' | 'refused' | 'rejected' | 'left' | 'unanswered' | 'failed' | 'wrong'

export interface SoakResult {
  outcome: Outcome
  /** What was wrong. */
  reason?: string
  text: string
}

/** Longest wait for an answer in milliseconds: far more than a full queue takes. */
const patience = 180_000
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

/** Closes what connections are left. */
export function closeConnections(): void {
  agent.destroy()
}

/** Sends a request. Never rejects: failures are results. */
export function send(url: string, asked: SoakRequest): Promise<SoakResult> {
  const { promise, resolve } = Promise.withResolvers<SoakResult>()
  let text = ''
  const settle = (outcome: Outcome, reason?: string): void => {
    clearTimeout(patienceTimer)
    clearTimeout(leaveTimer)
    resolve({ outcome, reason, text })
  }
  const body = Buffer.from(asked.body)
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length), ...asked.headers }
  const out = httpRequest(`${url}${asked.path}`, { method: asked.method ?? 'POST', headers, agent })
  const leave = (): void => {
    settle('left')
    out.destroy()
  }
  const patienceTimer = setTimeout(() => {
    settle('unanswered', `nothing within ${patience / 1000} s`)
    out.destroy()
  }, patience)
  const leaveTimer = asked.leave?.ms === undefined ? undefined : setTimeout(leave, asked.leave.ms)
  out.on('error', (error: NodeJS.ErrnoException) => {
    settle('unanswered', `no answer: ${error.code ?? error.message}`)
  })
  out.on('response', (response) => {
    let pieces = 0
    response.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      if (++pieces === asked.leave?.pieces) leave()
    })
    response.on('error', () => {
      settle('unanswered', 'the answer was cut off')
    })
    response.on('end', () => {
      settle(...judge(asked, response, text))
    })
  })
  if (asked.leave?.halfBody) out.write(body.subarray(0, body.length >> 1))
  else out.end(body)
  return promise
}

function judge(asked: SoakRequest, response: IncomingMessage, text: string): [Outcome, string?] {
  const status = response.statusCode ?? 0
  const says = `${asked.kind}: HTTP ${status}: ${text.slice(0, 300)}`
  if (status === 429 || status === 503) {
    return hasRetryHint(response, text) ? ['refused'] : ['wrong', `no hint when to try again: ${says}`]
  }
  if (status >= 500) return ['failed', says]
  if (asked.isWrong) return status >= 400 ? ['rejected'] : ['wrong', `a wrong body was taken: ${says}`]
  if (status === 404 && asked.allows404) return ['answered']
  if (status !== 200) return ['wrong', says]
  try {
    const problem = asked.check?.(text)
    if (problem === undefined) return ['answered']
    return [/^the stream failed/.test(problem) ? 'failed' : 'wrong', `${asked.kind}: ${problem}`]
  } catch (error) {
    return ['wrong', `${asked.kind}: ${String(error)} in ${text.slice(-300)}`]
  }
}

/** Seconds in a header, and for a Gemini client among the details too. */
function hasRetryHint({ headers }: IncomingMessage, text: string): boolean {
  if (!(Number(headers['retry-after']) > 0)) return false
  const { error } = JSON.parse(text) as { error?: { details?: unknown; status?: unknown } }
  if (error?.status === undefined) return true
  const details = Array.isArray(error.details) ? (error.details as unknown[]) : []
  return details.some((detail) => isRecord(detail) && /^\d+(\.\d+)?s$/.test(String(detail.retryDelay)))
}
