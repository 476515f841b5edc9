// The ablations of a comparison: one change of the sparse model each, written as a change of its routing
// (model/routingSpec.ts), at the same FLOPs per token unless the change itself is about them.
//
//   balance   no rule, the balance loss alone, the bias alone (of softmax and of sigmoid scores)
//   z         without the z-loss
//   top-k     1, 2, 4, 8 experts a token, as many times finer: FLOPs and weights stay
//   experts   8 to 64 experts of the same width: FLOPs stay, weights grow
//   shared    with none, a quarter or half of the dense MLP that every token meets; the experts get the rest of its width
//   capacity  1, 1.25 and 2 times the even load, what is over is dropped; the base drops nothing
//   choice    experts choose tokens
//   upcycle   the model without its experts for half of the tokens, then with them (Komatsuzaki et al. 2022), each half a
//             whole schedule
import type { ModelConfig } from '../model/index.ts'

/** Names that --ablate takes. */
export const ablations = ['balance', 'z', 'top-k', 'experts', 'shared', 'capacity', 'choice', 'upcycle'] as const
export type Ablation = (typeof ablations)[number]

/** A changed sparse model. */
export interface Variant {
  ablation: Ablation
  name: string
  /** The change, for `withRouting`. */
  routing: string
  /** Train without experts for this share of the tokens first, and make the sparse model of that. */
  upcycleAfter?: number
}

const counts = [1, 2, 4, 8] as const
const sizes = [8, 16, 32, 64] as const
const capacities = [1, 1.25, 2] as const
const shares = [
  [0, 'no shared MLP'],
  [0.25, 'a quarter of the shared MLP'],
  [0.5, 'half of the shared MLP'],
] as const

/** The variants of an ablation that this shape allows. */
export function variantsOf(ablation: Ablation, config: ModelConfig): Variant[] {
  const { num_experts: experts, top_k_experts: topK, moe_intermediate_size: width, intermediate_size: shared } = config
  const variant = (name: string, routing: string): Variant => ({ ablation, name, routing })
  switch (ablation) {
    case 'balance':
      return [
        variant('no balance', 'balance=none'),
        variant('auxiliary loss', 'balance=aux'),
        variant('bias', 'balance=bias'),
        variant('bias, sigmoid', 'balance=bias,score=sigmoid'),
      ]
    case 'z':
      return [variant('no z-loss', 'z=0')]
    case 'top-k':
      return counts.flatMap((k) => {
        const [finer, narrower] = [(experts * k) / topK, (width * topK) / k]
        if (!Number.isInteger(finer) || !Number.isInteger(narrower) || finer < k) return []
        return [variant(`top ${k} of ${finer}`, `top-k=${k},experts=${finer},expert-width=${narrower}`)]
      })
    case 'experts':
      return sizes.filter((n) => n >= topK).map((n) => variant(`${n} experts`, `experts=${n}`))
    case 'shared':
      return shares.flatMap(([share, name]) => {
        const kept = shared * share
        const wider = width + (shared - kept) / topK
        if (shared === 0 || !Number.isInteger(kept) || !Number.isInteger(wider)) return []
        return [variant(name, `shared=${kept || 'off'},expert-width=${wider}`)]
      })
    case 'capacity':
      return capacities.map((factor) => variant(`capacity ${factor}`, `capacity=${factor}`))
    case 'choice':
      return [variant('experts choose', 'choice=expert')]
    case 'upcycle':
      // the dense model is the sparse one without its experts, which take their units from its MLP
      return width <= shared ? [{ ...variant('upcycled', ''), upcycleAfter: 0.5 }] : []
  }
}
