// Learning rate over a run as a pure function of its progress: warm up, stay, decay (WSD).
//
//   factor
//   1 |  ________________
//     | /                \
//     |/                  \__ final
//     +----------------------> progress 0..1
//
// Progress may count steps or the share of a time budget: either way the decay ends where the run ends.
// Hägele et al. 2024 (linear decay to near zero beats cosine at equal cost); MiniCPM 2024.

export interface ScheduleOptions {
  /** Share of the run spent rising linearly from 0. */
  warmup: number
  /** Share of the run spent falling linearly to `final`. */
  decay: number
  /** Factor at the end. */
  final: number
}

/** Factor on the peak learning rate at `progress` (clamped to 0..1); above 0 from the first step on. */
export function learningRateFactor(progress: number, { warmup, decay, final }: ScheduleOptions): number {
  const p = Math.min(1, Math.max(0, progress))
  const rising = warmup > 0 ? Math.max(p / warmup, 0.01) : 1
  const falling = decay > 0 ? final + (1 - final) * Math.min(1, (1 - p) / decay) : 1
  return Math.min(1, rising, falling)
}
