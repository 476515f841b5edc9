// Routing in words: `balance=bias,score=sigmoid,top-k=4,experts=32,shared=off` changes a config.
//
// The keys are those of `routing` with dashes for underscores, and the sizes that go with them:
//
//   experts, top-k, expert-width     num_experts (0: a dense model), top_k_experts, moe_intermediate_size
//   shared                           width of the dense MLP beside the experts, or off
//   aux, z                           weights of the balance loss and of the z-loss
//
// What is not said keeps its value, or follows: without `aux` a rule other than balance=aux has no balance loss; the one
// weight of top-k=1 is neither renormalised nor undone by a norm unless told, since it would teach the router nothing.
import { defaultRouting, routingWords } from '../nn/index.ts'
import { didYouMean, PolluxError } from '../util/index.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { routingFile, routingKeys } from './configRouting.ts'

/** Keys that set a size or a weight beside `routing`, and the field that each sets. */
const sizeKeys: Record<string, keyof ModelConfig> = {
  experts: 'num_experts',
  'top-k': 'top_k_experts',
  'expert-width': 'moe_intermediate_size',
  shared: 'intermediate_size',
  aux: 'router_aux_loss_coef',
  z: 'router_z_loss_coef',
}

const defaults: Record<string, unknown> = { ...defaultRouting }

const dashed = (key: string): string => key.replaceAll('_', '-')

/** Every key, as it is typed. */
export const routingSpecKeys: readonly string[] = [...Object.keys(sizeKeys), ...routingKeys.map(dashed)]

/**
 * The config with its routing changed as a text says.
 *
 * @param text `key=value,key=value`; empty: no change
 * @throws PolluxError naming the key, ConfigError where the values do not go together
 */
export function withRouting(config: ModelConfig, text: string): ModelConfig {
  const given = readPairs(text)
  const fields: Record<string, unknown> = {}
  const routing: Record<string, unknown> = { ...routingFile(config.routing, config.num_experts) }
  for (const [key, value] of given) {
    if (key in sizeKeys) fields[sizeKeys[key]] = sizeOf(key, value)
    else routing[key.replaceAll('-', '_')] = valueOf(key, value)
  }
  if (fields.num_experts === 0) return denseConfig(config, fields, [...given.keys()])
  const changed: Record<string, unknown> = { ...config, enable_moe_block: true, ...fields, routing }
  if (!config.enable_moe_block) fillSizes(changed, config)
  if ((given.has('balance') || given.has('choice')) && !given.has('aux')) delete changed.router_aux_loss_coef
  if (changed.top_k_experts === 1 && given.has('top-k')) {
    if (!given.has('renormalise')) routing.renormalise = false
    if (!given.has('norm-first')) routing.norm_first = true
  }
  return parseConfig(changed)
}

/** Without experts there is nothing to route. */
function denseConfig(config: ModelConfig, fields: Record<string, unknown>, keys: string[]): ModelConfig {
  const idle = keys.find((key) => key !== 'experts' && key !== 'shared')
  if (idle !== undefined) {
    throw new PolluxError(`routing: experts=0 must stand alone or with shared, got ${idle} beside it`)
  }
  return parseConfig({ ...config, ...fields, enable_moe_block: false, routing: undefined })
}

/** A dense model that gets experts: two of them a token, as wide as its MLP, unless told. */
function fillSizes(changed: Record<string, unknown>, dense: ModelConfig): void {
  if (changed.num_experts === 0) {
    throw new PolluxError('routing: a dense model must be given experts=N, got no number of experts')
  }
  changed.top_k_experts ||= Math.min(2, changed.num_experts as number)
  changed.moe_intermediate_size ||= dense.intermediate_size
}

function readPairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>()
  for (const item of text.split(',').filter((each) => each.trim() !== '')) {
    const [key, value, ...more] = item.split('=').map((part) => part.trim())
    if (!routingSpecKeys.includes(key)) {
      const nearest = didYouMean(key, [...routingSpecKeys])
      throw new PolluxError(`routing: keys must be of ${routingSpecKeys.join(', ')}; got ${JSON.stringify(key)}`, {
        ...(nearest === undefined ? {} : { hint: `did you mean ${nearest}?` }),
      })
    }
    if (value === undefined || value === '' || more.length > 0) {
      throw new PolluxError(
        `routing: ${key} must have a value, as in ${key}=${example(key)}; got ${JSON.stringify(item)}`,
      )
    }
    if (pairs.has(key)) throw new PolluxError(`routing: ${key} must be given once, got it twice`)
    pairs.set(key, value)
  }
  return pairs
}

function sizeOf(key: string, value: string): number {
  if (key === 'shared' && value === 'off') return 0
  const isWhole = key !== 'aux' && key !== 'z'
  const size = numberOf(key, value)
  if (size >= 0 && (!isWhole || Number.isSafeInteger(size))) return size
  throw new PolluxError(
    `routing: ${key} must be ${isWhole ? 'a whole number' : 'a number of at least 0'}, got ${value}`,
  )
}

function valueOf(key: string, value: string): unknown {
  const field = key.replaceAll('-', '_')
  if (Object.hasOwn(routingWords, field)) return value
  if (typeof defaults[field] !== 'boolean') return numberOf(key, value)
  if (value === 'on' || value === 'true') return true
  if (value === 'off' || value === 'false') return false
  throw new PolluxError(`routing: ${key} must be on or off, got ${value}`)
}

function numberOf(key: string, value: string): number {
  if (/^\d*\.?\d+(e[+-]?\d+)?$/i.test(value)) return Number(value)
  throw new PolluxError(`routing: ${key} must be a number, got ${value}`)
}

function example(key: string): string {
  const field = key.replaceAll('-', '_')
  const words = (routingWords as Record<string, readonly string[]>)[field]
  return words?.[0] ?? (typeof defaults[field] === 'boolean' ? 'on' : '1')
}
