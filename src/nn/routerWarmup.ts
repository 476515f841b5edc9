// Warm-up of the router: in the first share of a run its choices are worth little, and what an expert is given early
// decides what it becomes. Three schedules, all linear in progress and over at `warmup`:
//
//   uniform       this share of the rows goes round the experts in turn instead of by choice      1 -> 0
//   temperature   logits are divided by it, so that near-equal experts stay near-equal            8 -> 1
//   balance       the balance loss and the steps of the bias are so many times stronger          10 -> 1
import type { RoutingConfig } from './routingConfig.ts'

/** Where warm-up stands; `settled` after it. */
export interface WarmUp {
  /** Share of rows that are routed round-robin. */
  uniform: number
  temperature: number
  /** Factor on the balance loss and on the bias rate. */
  balance: number
}

const settled: WarmUp = { uniform: 0, temperature: 1, balance: 1 }
const start: WarmUp = { uniform: 1, temperature: 8, balance: 10 }

/** @param progress share of the run that is done; undefined outside training */
export function warmUp({ warmup, warmup_by: by }: RoutingConfig, progress: number | undefined): WarmUp {
  if (progress === undefined || progress >= warmup) return settled
  const left = 1 - progress / warmup
  return { ...settled, [by]: settled[by] + left * (start[by] - settled[by]) }
}
