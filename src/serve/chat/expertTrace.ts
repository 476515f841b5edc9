// A conversation with the experts that read it: the model reads it once more, from the first token on.
import type { ExpertTrace } from '../studio/wire.ts'
import { ServeError } from '../serveError.ts'
import type { ServedModel } from './models.ts'
import type { WrittenPrompt } from './promptWriter.ts'

/** @throws ServeError for a dense model, or without an answer */
export async function traceExperts(
  { engine, tokenizer, id }: Pick<ServedModel, 'engine' | 'tokenizer' | 'id'>,
  { prompt, answerStart }: WrittenPrompt,
  signal?: AbortSignal,
): Promise<ExpertTrace> {
  if (engine.experts === null) throw new ServeError('precondition', `The model ${id} has no experts.`)
  if (answerStart === undefined) throw new ServeError('invalid', 'There must be an answer to show, got none.')
  const { layers, count, topK } = engine.experts
  const chosen = layers.map((): number[] => [])
  const weights = layers.map((): number[] => [])
  const request = { prompt, maxTokens: 0, experts: { prompt: true }, keepPrefix: false }
  for await (const event of engine.generate(request, signal)) {
    if (event.type !== 'experts') continue
    event.experts.forEach((expert, i) => {
      const layer = Math.floor(i / topK) % layers.length
      chosen[layer].push(expert)
      weights[layer].push(Math.round(event.weights[i] * 1e4) / 1e4)
    })
  }
  return {
    tokens: textsOf(prompt.ids, tokenizer),
    answerStart,
    layers: [...layers],
    experts: count,
    topK,
    chosen,
    weights,
  }
}

/** Text of every token; a character of several tokens stands with the last of them. */
function textsOf(ids: Int32Array, tokenizer: Pick<ServedModel['tokenizer'], 'isSpecial' | 'tokenBytes'>): string[] {
  let decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return Array.from(ids, (id) => {
    if (!tokenizer.isSpecial(id)) return decoder.decode(tokenizer.tokenBytes(id), { stream: true })
    // what was begun before it is no character
    decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return ''
  })
}
