// How an answer is drawn, how long it may get and how much is thought before: the fields that all routes share.
import type { EngineSampling } from '../../../inference/index.ts'
import type { ChatRequest } from '../../chat.ts'
import { Fields, invalidValue, wrongType } from './fields.ts'

/** Sampling fields of a request, OpenAI's and those that open servers added (top_k, min_p, repetition_penalty). */
export function readSampling(body: Fields): EngineSampling {
  const topP = body.number('top_p', 0, 1)
  const topK = body.integer('top_k', -1, 2 ** 31 - 1)
  const seed = body.integer('seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  return defined({
    temperature: body.number('temperature', 0, 2),
    // of nothing the likeliest is left
    topP: topP === 0 ? 1e-9 : topP,
    topK: topK === undefined ? undefined : Math.max(0, topK),
    minP: body.number('min_p', 0, 1),
    presencePenalty: body.number('presence_penalty', -2, 2),
    frequencyPenalty: body.number('frequency_penalty', -2, 2),
    repetitionPenalty: body.number('repetition_penalty', 0.01, 100),
    logitBias: readLogitBias(body),
    seed: seed === undefined ? undefined : seed32(seed),
  })
}

/** A whole number as 32 bits: small ones stay what they are. */
export function seed32(seed: number): number {
  const low = ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32
  const high = Math.floor(seed / 2 ** 32)
  return high === 0 ? low : (low ^ Math.imul(high | 0, 0x9e3779b1)) >>> 0
}

/** Sampling of the choice of an index: each draws for itself, the first as if it were alone. */
export function samplingOfChoice(sampling: EngineSampling | undefined, index: number): EngineSampling | undefined {
  if (sampling?.seed === undefined || index === 0) return sampling
  return { ...sampling, seed: (sampling.seed + Math.imul(index, 0x85ebca6b)) >>> 0 }
}

function readLogitBias(body: Fields): [number, number][] | undefined {
  const biases = body.object('logit_bias')
  if (!biases) return undefined
  const keys = Object.keys(biases.value)
  if (keys.length > 1024) throw invalidValue(biases.path, `expected at most 1024 tokens, got ${keys.length}.`)
  return keys.map((key) => {
    if (!/^\d{1,9}$/.test(key))
      throw invalidValue(biases.path, `expected ids of tokens, got ${JSON.stringify(key.slice(0, 40))}.`)
    return [Number(key), biases.required(key, biases.number(key, -100, 100))]
  })
}

/** Stop texts: one or a list. */
export function readStop(body: Fields): string[] | undefined {
  const value = body.get('stop')
  const stops = typeof value === 'string' ? [value] : Array.isArray(value) ? body.strings('stop', 16) : undefined
  if (value !== undefined && !stops) throw wrongType(body.at('stop'), 'a string or an array of strings', value)
  const long = stops?.find((stop) => stop.length > 1000)
  if (long !== undefined) throw invalidValue(body.at('stop'), 'a stop text must be at most 1000 characters.')
  const some = stops?.filter((stop) => stop !== '')
  return some && some.length > 0 ? some : undefined
}

/** Tokens of thought that each effort allows; Google's own OpenAI layer has the same numbers. */
const efforts = { none: 0, minimal: 512, low: 1024, medium: 8192, high: 24576, xhigh: -1, max: -1 } as const

/** Words for how much is thought. */
export const effortWords = Object.keys(efforts) as (keyof typeof efforts)[]

/** Thinking of an effort; undefined leaves it to the model. */
export function thinkingOf(effort: keyof typeof efforts | undefined, include: boolean): ChatRequest['thinking'] {
  return effort === undefined ? undefined : { budget: efforts[effort], include }
}

/** Thinking as a chat request says it: reasoning_effort, Google's thinking_config, or what open servers' templates know. */
export function readThinking(body: Fields): ChatRequest['thinking'] {
  const effort = body.oneOf('reasoning_effort', effortWords)
  if (effort !== undefined) return thinkingOf(effort, true)
  const google = body.object('extra_body')?.object('google') ?? body.object('google')
  const config = google?.object('thinking_config')
  if (config) {
    const include = config.boolean('include_thoughts') ?? false
    const budget = config.integer('thinking_budget', -1, 2 ** 31 - 1)
    return budget === undefined ? thinkingOf(readLevel(config) ?? 'xhigh', include) : { budget, include }
  }
  const enabled = body.object('chat_template_kwargs')?.boolean('enable_thinking')
  return enabled === undefined ? undefined : { budget: enabled ? -1 : 0, include: true }
}

function readLevel(config: Fields): 'minimal' | 'low' | 'medium' | 'high' | undefined {
  const level = config.string('thinking_level')?.toLowerCase()
  return new Fields({ thinking_level: level }, config.path).oneOf('thinking_level', [
    'minimal',
    'low',
    'medium',
    'high',
  ])
}

/** Only what is there. */
export function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
}
