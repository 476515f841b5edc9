// The `routing` field of a config: read, checked, and written back only where it differs from the default.
//
// transformers knows no such field and ignores it; a config without it means Gemma 4's router (nn/routingConfig.ts).
import { defaultRouting, type RoutingConfig, routingWords } from '../nn/index.ts'
import { didYouMean } from '../util/index.ts'
import { boolean, ConfigError, type Given, number, record } from './configFields.ts'

/** Names of all keys. */
export const routingKeys = Object.keys(defaultRouting) as (keyof RoutingConfig)[]

/** Sizes that `routing` has to fit. */
interface Sizes {
  num_experts: number
  top_k_experts: number
}

/** @throws ConfigError naming the key that is unknown or cannot be */
export function routingField(given: Given, sizes: Sizes): RoutingConfig {
  const source = record(given, 'routing')
  for (const key of Object.keys(source)) {
    if (routingKeys.includes(key as keyof RoutingConfig)) continue
    const nearest = didYouMean(key, routingKeys)
    const hint = nearest === undefined ? `one of ${routingKeys.join(', ')}` : `left out (did you mean ${nearest}?)`
    throw new ConfigError(`routing.${key}`, hint, source[key])
  }
  if (sizes.num_experts === 0) return { ...defaultRouting }
  const choice = word(source, 'choice')
  const score = word(source, 'score')
  const implied = impliedRouting({ choice, score, balance: source.balance }, sizes.num_experts)
  const routing: RoutingConfig = {
    choice,
    score,
    renormalise: flag(source, 'renormalise', implied.renormalise),
    expert_scale: flag(source, 'expert_scale'),
    norm_first: flag(source, 'norm_first'),
    groups: whole(source, 'groups'),
    top_groups: whole(source, 'top_groups'),
    capacity: within(source, 'capacity', 0, 1e6),
    drop: word(source, 'drop'),
    balance: word(source, 'balance', implied.balance),
    aux_scope: word(source, 'aux_scope'),
    bias_rate: within({ bias_rate: implied.bias_rate, ...source }, 'bias_rate', 0, 10),
    bias_until: within(source, 'bias_until', 0, 1),
    jitter: within(source, 'jitter', 0, 0.99),
    warmup: within(source, 'warmup', 0, 1),
    warmup_by: word(source, 'warmup_by'),
  }
  checkRouting(routing, sizes)
  return routing
}

/** The keys that differ from what a file without them would mean; undefined if none does. */
export function routingFile(routing: RoutingConfig, experts: number): Partial<RoutingConfig> | undefined {
  const implied = impliedRouting(routing, experts)
  const stated = routingKeys.filter((key) => routing[key] !== implied[key])
  return stated.length === 0 ? undefined : Object.fromEntries(stated.map((key) => [key, routing[key]]))
}

/** What keys mean that are left out: some follow others. */
function impliedRouting(
  { choice, score, balance }: Pick<RoutingConfig, 'choice' | 'score'> & { balance?: unknown },
  experts: number,
): RoutingConfig {
  return {
    ...defaultRouting,
    renormalise: choice !== 'expert',
    balance: choice === 'token' ? 'aux' : 'none',
    bias_rate: impliedRate(score, balance, experts),
  }
}

/** Scores of softmax are of the size 1/E, those of sigmoid of the size 1; 0.16/E is 0.01 for 16 experts (docs/LOG.md). */
function impliedRate(score: RoutingConfig['score'], balance: unknown, experts: number): number {
  if (balance === 'quantile' || balance === 'sinkhorn') return 0.5
  return balance === 'bias' && score === 'softmax' ? 0.16 / experts : defaultRouting.bias_rate
}

function checkRouting(routing: RoutingConfig, { num_experts: experts, top_k_experts: topK }: Sizes): void {
  const { choice, groups, top_groups, renormalise, balance, capacity } = routing
  const refuse = (key: keyof RoutingConfig, requirement: string): never => {
    throw new ConfigError(`routing.${key}`, requirement, routing[key])
  }
  if (experts % groups !== 0) refuse('groups', `a divisor of num_experts (${experts})`)
  if (top_groups > groups) refuse('top_groups', `at most groups (${groups})`)
  const reach = (top_groups * experts) / groups
  if (topK > reach) refuse('top_groups', `so many that they hold top_k_experts (${topK}) experts, not ${reach}`)
  if (choice === 'token') return
  const because = `under choice "${choice}"`
  if (groups > 1) refuse('groups', `1 ${because}`)
  if (balance !== 'none') refuse('balance', `"none" ${because}, which is in balance by itself`)
  if (choice === 'expert' && renormalise)
    refuse('renormalise', `false ${because}: a row may meet any number of experts`)
  if (choice === 'round-robin' && capacity > 0) refuse('capacity', `0 ${because}`)
}

type Words = typeof routingWords

function word<Key extends keyof Words>(source: Given, key: Key, fallback?: RoutingConfig[Key]): RoutingConfig[Key] {
  const value = source[key] ?? fallback ?? defaultRouting[key]
  const words: readonly unknown[] = routingWords[key]
  if (words.includes(value)) return value as RoutingConfig[Key]
  throw new ConfigError(`routing.${key}`, `one of ${words.join(', ')}`, value)
}

function flag(
  source: Given,
  key: 'renormalise' | 'expert_scale' | 'norm_first',
  fallback = defaultRouting[key],
): boolean {
  return boolean({ [`routing.${key}`]: source[key] }, `routing.${key}`, fallback)
}

function within(
  source: Given,
  key: 'capacity' | 'bias_rate' | 'bias_until' | 'jitter' | 'warmup',
  least: number,
  most: number,
): number {
  const name = `routing.${key}`
  const value = number({ [name]: source[key] }, name, defaultRouting[key])
  if (value < least || value > most) throw new ConfigError(name, `from ${least} to ${most}`, value)
  return value
}

function whole(source: Given, key: 'groups' | 'top_groups'): number {
  const value = source[key] ?? defaultRouting[key]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw new ConfigError(`routing.${key}`, 'a whole number of at least 1', value)
}
