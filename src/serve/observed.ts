// A ChatService that is watched: its answers are measured, and their tokens counted against the key they were for.
import type { ChatEvent, ChatRequest, ChatService } from './chat.ts'
import type { ServeMetrics } from './metrics.ts'
import type { RateLimits } from './rateLimits.ts'

/** The same service, told of to `metrics` and `rates`. */
export function observed(
  chat: ChatService,
  { metrics, rates }: { metrics: ServeMetrics; rates: RateLimits },
): ChatService {
  return {
    models: () => chat.models(),
    count: (request) => chat.count(request),
    pin: (request, ttl) => chat.pin(request, ttl),
    unpin: (id) => chat.unpin(id),
    experts: (request, signal) => chat.experts(request, signal),
    embed: (...asked) => chat.embed(...asked),
    text: (model, ids) => chat.text(model, ids),
    async *chat(request: ChatRequest, signal?: AbortSignal): AsyncGenerator<ChatEvent> {
      const started = performance.now()
      let [first, last]: (number | undefined)[] = []
      for await (const event of chat.chat(request, signal)) {
        const now = performance.now()
        if (event.type === 'finish') {
          const { usage, reason, times } = event
          const prompt = Object.values(usage.prompt).reduce((sum, tokens) => sum + tokens, 0)
          rates.spend(request.key ?? '', prompt + usage.answer + usage.thoughts + usage.images)
          const firstSeconds = first === undefined ? undefined : (first - started) / 1000
          metrics.answered({
            model: request.model,
            reason,
            usage,
            seconds: (now - started) / 1000,
            firstSeconds,
            times,
          })
        } else {
          if (last !== undefined) metrics.between((now - last) / 1000)
          first ??= now
          last = now
        }
        yield event
      }
    },
  }
}
