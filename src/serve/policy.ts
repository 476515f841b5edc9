// What may be asked and answered: an interface that guards implement, and the policy that allows everything.
import type { ChatRequest } from './chat.ts'

/** Nothing, or what stands against it. */
export type Verdict = { category: string } | undefined

/** A guard of requests and answers. It sees the client's safety settings in `request.safety`. */
export interface Policy {
  /** Before a prompt is read. */
  prompt?(request: ChatRequest, signal?: AbortSignal): Promise<Verdict> | Verdict
  /** Watches one answer: told every piece before it is sent. A piece that is refused is not sent, and the answer ends. */
  answer?(request: ChatRequest): { piece(text: string): Promise<Verdict> | Verdict }
}

export const allowAll: Policy = {}
