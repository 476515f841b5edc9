// How a router chooses and how it is kept in balance, as data: the `routing` field of a config, one flat list of keys.
//
// Everything at its default is Gemma 4's router with the balance loss of Switch: an unknown reader of a config without
// the field computes the same model. What each key does and where it comes from: docs/decisions/011-routing.md.

/** Keys of `routing`, each with its default in `defaultRouting`. */
export interface RoutingConfig {
  /**
   * Who chooses. 'token': each row its top K experts. 'expert': each expert its top C rows (Zhou et al. 2022), in training
   * only, since it looks at rows to come; elsewhere rows choose. 'round-robin': nobody; for benches.
   */
  choice: 'token' | 'expert' | 'round-robin'
  /** Scores of a row: 'softmax' over the experts, or 'sigmoid' of each on its own. */
  score: 'softmax' | 'sigmoid'
  /** The K weights are divided by their sum. Default true, under choice 'expert' false. */
  renormalise: boolean
  /** A learned factor on the weights of each expert. */
  expert_scale: boolean
  /**
   * The norm after the experts is taken of each expert's output, before its weight, instead of their sum. A norm of the sum
   * takes away how large the weights are; of a single expert (K = 1) that is all that its router could learn by.
   */
  norm_first: boolean
  /** Experts stand in so many groups, of which a row keeps the best `top_groups` (DeepSeek-V3). */
  groups: number
  top_groups: number
  /** Rows an expert takes at most in training, as a multiple of K*R/E; 0: any number. Of choice 'expert': 0 means 1. */
  capacity: number
  /** Which pairs of a full expert are dropped: the least probable, or the last in order. */
  drop: 'probability' | 'position'
  /** What keeps loads equal. Beside any but 'none' a balance loss may run (router_aux_loss_coef, else 0). */
  balance: 'aux' | 'bias' | 'quantile' | 'sinkhorn' | 'none'
  /** What the balance loss counts loads over: each sequence, the micro-batch, or the whole step. */
  aux_scope: 'sequence' | 'batch' | 'global'
  /**
   * Of balance 'bias': how far the first step moves it (gamma, in scores; left out, 0.16/E, under sigmoid 0.01); of
   * 'quantile' and 'sinkhorn': the share of the way to what the last step asks for (0.5). And the share of the run after
   * which the bias stays.
   */
  bias_rate: number
  bias_until: number
  /** Router inputs are multiplied by uniform(1 - jitter, 1 + jitter) in training. */
  jitter: number
  /** Share of the run in which the router is warmed up, and how. 0: not at all. */
  warmup: number
  warmup_by: 'uniform' | 'temperature' | 'balance'
}

/** Gemma 4's choice, OLMoE's balance. */
export const defaultRouting: Readonly<RoutingConfig> = {
  choice: 'token',
  score: 'softmax',
  renormalise: true,
  expert_scale: true,
  norm_first: false,
  groups: 1,
  top_groups: 1,
  capacity: 0,
  drop: 'probability',
  balance: 'aux',
  aux_scope: 'batch',
  bias_rate: 0.01,
  bias_until: 1,
  jitter: 0,
  warmup: 0,
  warmup_by: 'uniform',
}

/** Words that a key takes. */
export const routingWords = {
  choice: ['token', 'expert', 'round-robin'],
  score: ['softmax', 'sigmoid'],
  drop: ['probability', 'position'],
  balance: ['aux', 'bias', 'quantile', 'sinkhorn', 'none'],
  aux_scope: ['sequence', 'batch', 'global'],
  warmup_by: ['uniform', 'temperature', 'balance'],
} as const satisfies { [Key in keyof RoutingConfig]?: readonly RoutingConfig[Key][] }
