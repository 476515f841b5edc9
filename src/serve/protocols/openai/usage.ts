// Counted tokens as OpenAI writes them.
import type { ChatUsage } from '../../chat.ts'

const nothing: ChatUsage = { prompt: {}, cached: 0, answer: 0, thoughts: 0, images: 0 }

/** Tokens of several choices of one prompt: it is counted once. */
export function ofChoices(usages: readonly ChatUsage[]): ChatUsage {
  const { prompt, cached } = usages[0] ?? nothing
  const sum = (of: 'answer' | 'thoughts' | 'images') => usages.reduce((total, usage) => total + usage[of], 0)
  return { prompt, cached, answer: sum('answer'), thoughts: sum('thoughts'), images: sum('images') }
}

/** Tokens of several prompts. */
export function together(usages: readonly ChatUsage[]): ChatUsage {
  const prompt: ChatUsage['prompt'] = {}
  for (const usage of usages) {
    for (const [name, tokens] of Object.entries(usage.prompt)) {
      const modality = name as keyof ChatUsage['prompt']
      prompt[modality] = (prompt[modality] ?? 0) + tokens
    }
  }
  return { ...ofChoices(usages), prompt, cached: usages.reduce((total, { cached }) => total + cached, 0) }
}

function counts(usage: ChatUsage) {
  const input = Object.values(usage.prompt).reduce((sum, tokens) => sum + tokens, 0)
  const output = usage.answer + usage.thoughts + usage.images
  return { input, output, total: input + output }
}

/** "usage" of chat completions and completions. */
export function completionUsage(usage: ChatUsage) {
  const { input, output, total } = counts(usage)
  const { text = 0, image = 0, audio = 0, video = 0 } = usage.prompt
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: total,
    prompt_tokens_details: {
      cached_tokens: usage.cached,
      text_tokens: text,
      image_tokens: image + video,
      audio_tokens: audio,
    },
    completion_tokens_details: {
      reasoning_tokens: usage.thoughts,
      image_tokens: usage.images,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

/** "usage" of responses. */
export function responseUsage(usage: ChatUsage) {
  const { input, output, total } = counts(usage)
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage.thoughts },
    total_tokens: total,
  }
}
