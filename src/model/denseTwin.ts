// Dense models to hold a mixture of experts against: same width, layers and attention, a wider MLP in the place of experts.
//
//   denseTwin     as many FLOPs for a token: what the experts a token meets (and the router) cost, the MLP gets
//   denseOfSize   as many weights in all: what all experts hold, the MLP gets
//
// Both figures grow linearly with the MLP's width, so two probes give the width that meets them. It is rounded up to the
// largest multiple of 64, 32, ... that stays within one percent (kernels like even sizes): the dense side is never given
// less than the sparse one. The protocol is that of iso-FLOP comparisons (Clark et al. 2022; Muennighoff et al. 2024, OLMoE).
import { PolluxError } from '../util/index.ts'
import { accountFor } from './account.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { flopsPerToken } from './flops.ts'

/** How far above the sparse model a dense one may lie. */
const tolerance = 0.01
const multiples = [64, 32, 16, 8, 4, 2, 1] as const

/**
 * The dense model of the same FLOPs per token, at least and by at most one percent more.
 *
 * @param time tokens of a sequence, which attention is averaged over
 * @throws PolluxError for a config without experts
 */
export function denseTwin(config: ModelConfig, time: number): ModelConfig {
  expectExperts('denseTwin', config)
  return widened(config, (candidate) => flopsPerToken(candidate, time))
}

/** The dense model with as many weights, at least and by at most one percent more. */
export function denseOfSize(config: ModelConfig): ModelConfig {
  expectExperts('denseOfSize', config)
  return widened(config, (candidate) => accountFor(candidate).parameters.total)
}

/** The config without experts, at the smallest comfortable width at which `figure` is that of the config. */
function widened(config: ModelConfig, figure: (config: ModelConfig) => number): ModelConfig {
  const target = figure(config)
  const at = (width: number): ModelConfig =>
    parseConfig({ ...config, enable_moe_block: false, routing: undefined, intermediate_size: width })
  const first = figure(at(1))
  const exact = 1 + (target - first) / (figure(at(2)) - first)
  for (const multiple of multiples) {
    const candidate = at(Math.max(multiple, Math.ceil(exact / multiple - 1e-9) * multiple))
    if (figure(candidate) <= target * (1 + tolerance)) return candidate
  }
  return at(Math.max(1, Math.round(exact)))
}

function expectExperts(op: string, config: ModelConfig): void {
  if (config.enable_moe_block) return
  throw new PolluxError(`${op}: the config must have experts, got a dense model`)
}
