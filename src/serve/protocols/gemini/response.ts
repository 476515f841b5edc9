// Events of an answer as GenerateContentResponses: one for all of it, or one for each piece.
import type { ChatEvent, ChatLogprob, ChatUsage, FinishReason } from '../../chat.ts'

type Finish = Extract<ChatEvent, { type: 'finish' }>
export type Part = Record<string, unknown>

const reasons: Record<FinishReason, string> = {
  stop: 'STOP',
  calls: 'STOP',
  length: 'MAX_TOKENS',
  safety: 'SAFETY',
  blocked: 'SAFETY',
  malformedCall: 'MALFORMED_FUNCTION_CALL',
}

/** The part that an event brings; undefined for events that bring none. */
export function partOf(event: ChatEvent): Part | undefined {
  switch (event.type) {
    case 'text':
      return event.text === '' ? undefined : { text: event.text }
    case 'thought':
      return { text: event.text, thought: true }
    case 'call': {
      const { id, name, args, signature } = event
      return { functionCall: { id, name, args }, ...(signature ? { thoughtSignature: signature } : {}) }
    }
    case 'media':
      return { inlineData: { mimeType: event.mimeType, data: Buffer.from(event.bytes).toString('base64') } }
    default:
      return undefined
  }
}

/** Parts joined as far as they are of one kind. */
export function joinParts(parts: readonly Part[]): Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    const isText = typeof part.text === 'string' && typeof last?.text === 'string' && last.thought === part.thought
    if (isText && last) last.text = (last.text as string) + (part.text as string)
    else joined.push({ ...part })
  }
  return joined
}

export function usageMetadata(usages: readonly ChatUsage[]): Record<string, unknown> {
  const [first] = usages
  const sum = (read: (usage: ChatUsage) => number): number => usages.reduce((total, usage) => total + read(usage), 0)
  const prompt = Object.values(first.prompt).reduce((total, tokens) => total + tokens, 0)
  const [answer, images, thoughts] = [
    sum((usage) => usage.answer),
    sum((usage) => usage.images),
    sum((usage) => usage.thoughts),
  ]
  return {
    promptTokenCount: prompt,
    ...(first.cached > 0
      ? { cachedContentTokenCount: first.cached, cacheTokensDetails: [{ modality: 'TEXT', tokenCount: first.cached }] }
      : {}),
    candidatesTokenCount: answer + images,
    ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}),
    totalTokenCount: prompt + answer + images + thoughts,
    promptTokensDetails: modalityDetails(first.prompt),
    ...(images > 0 ? { candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: images }] } : {}),
  }
}

export function modalityDetails(prompt: ChatUsage['prompt']): { modality: string; tokenCount: number }[] {
  return Object.entries(prompt).map(([modality, tokenCount]) => ({ modality: modality.toUpperCase(), tokenCount }))
}

export function logprobsResult(logprobs: readonly ChatLogprob[]): Record<string, unknown> {
  const named = ({ token, id, logprob }: { token: string; id: number; logprob: number }) => ({
    ...{ token, tokenId: id, logProbability: logprob },
  })
  return {
    logProbabilitySum: logprobs.reduce((sum, { logprob }) => sum + logprob, 0),
    chosenCandidates: logprobs.map(named),
    topCandidates: logprobs.map(({ top }) => ({ candidates: top.map(named) })),
  }
}

/** A whole candidate, gathered from the events of its answer. */
export class CandidateGatherer {
  readonly #index: number
  readonly #parts: Part[] = []
  readonly #logprobs: ChatLogprob[] = []
  finish: Finish | undefined

  constructor(index: number) {
    this.#index = index
  }

  push(event: ChatEvent): void {
    const part = partOf(event)
    if (part) this.#parts.push(part)
    if (event.type === 'text') this.#logprobs.push(...(event.logprobs ?? []))
    if (event.type === 'finish') this.finish = event
  }

  candidate(): Record<string, unknown> {
    const { reason, usage, signature } = this.finish!
    const parts = joinParts(this.#parts)
    if (!parts.some((part) => part.thought !== true)) parts.push({ text: '' })
    if (signature !== undefined) parts[parts.length - 1].thoughtSignature = signature
    const result = logprobsResult(this.#logprobs)
    const mean = (result.logProbabilitySum as number) / Math.max(1, this.#logprobs.length)
    return {
      ...{ index: this.#index, content: { role: 'model', parts }, finishReason: reasons[reason] },
      ...safetyRatings(this.finish!),
      tokenCount: usage.answer + usage.images,
      ...(this.#logprobs.length > 0 ? { avgLogprobs: mean, logprobsResult: result } : {}),
    }
  }
}

/** A candidate of one event of a stream; undefined for events that clients are not told. */
export function streamedCandidate(event: ChatEvent, index: number): Record<string, unknown> | undefined {
  if (event.type === 'finish') {
    // clients wipe their history when the last chunk has no parts
    const part = { text: '', ...(event.signature === undefined ? {} : { thoughtSignature: event.signature }) }
    return {
      index,
      content: { role: 'model', parts: [part] },
      finishReason: reasons[event.reason],
      ...safetyRatings(event),
    }
  }
  const part = partOf(event)
  if (!part) return undefined
  const logprobs = event.type === 'text' && event.logprobs ? { logprobsResult: logprobsResult(event.logprobs) } : {}
  return { index, content: { role: 'model', parts: [part] }, ...logprobs }
}

function safetyRatings({ reason, category }: Finish): Record<string, unknown> {
  return reason === 'safety' && category !== undefined
    ? { safetyRatings: [{ category, probability: 'HIGH', blocked: true }] }
    : {}
}

/** What is told of a prompt that was not answered. */
export function promptFeedback({ category }: Finish): Record<string, unknown> {
  const ratings = category === undefined ? [] : [{ category, probability: 'HIGH', blocked: true }]
  return { blockReason: 'SAFETY', safetyRatings: ratings }
}
