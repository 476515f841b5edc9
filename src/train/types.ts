// The types of training: what goes in, what each step reports, what comes out.
//
// `train/` has functions and no flags: a caller (the command line, a test, a run file) gives it a model
// config, options, batches and callbacks. Batches come through the structural interface BatchSource, which
// the loader of data/ meets, so a test can train on a few arrays.
import type { Model, ModelConfig, MultimodalConfig, MultimodalInput } from '../model/index.ts'
import type { RoutingAlert } from './routingWatch.ts'

/** One micro-batch of packed sequences; all arrays have B*T entries, row-major. */
export interface Batch {
  ids: Int32Array
  /** Token to predict at each row; -1: none. */
  targets: Int32Array
  /** Row inside the sequence where this row's document starts. */
  segmentStart: Int32Array
  /** Position of the row inside its document. */
  positions: Int32Array
  /** 1 where a row is padding; left out: none is. */
  padding?: Uint8Array
  /** Bytes of text that the counted targets stand for; in batches with media, the number of targets. */
  numBytes: number
  /** Of batches with media (MultimodalInput): image blocks, and the rows that pictures and sound fill. */
  blockEnd?: Int32Array
  pictures?: MultimodalInput['pictures']
  sounds?: MultimodalInput['sounds']
}

/** A stream of batches whose place can be saved and restored exactly. */
export interface BatchSource {
  next(): Batch | Promise<Batch>
  /** JSON-serialisable place in the stream. */
  state(): unknown
  restore(state: unknown): void | Promise<void>
}

/** What a checkpoint needs of a tokenizer: that it can be saved as tokenizer.json. */
export interface SavableTokenizer {
  readonly vocabSize: number
  readonly eosId?: number | null
  /** Writes tokenizer.json at this path. */
  save(path: string): void | Promise<void>
}

/**
 * How long to train: a number of steps; or minutes of wall clock, whose schedule follows the clock; or the
 * progress (0 to 1) at which each step stood, which repeats a timed run exactly from its training_state.json.
 */
export type Horizon = { steps: number } | { minutes: number } | { progress: number[] }

/** Options of training; `defaultTrainingOptions` fills all but the horizon and the batch shape. */
export interface TrainingOptions {
  horizon: Horizon
  /** Sequences a micro-batch and tokens a sequence. */
  batch: number
  time: number
  /** Micro-batches a step. Default 1. */
  accumulation: number
  /**
   * 'muon': Muon for attention and dense MLP, AdamW for the rest; 'muon-all': Muon for experts too; 'adamw': AdamW for all.
   * Default 'muon'.
   */
  optimizer: 'muon' | 'muon-all' | 'adamw'
  /** Peak learning rate of matrices under Muon. Default 0.02. */
  matrixLearningRate: number
  /** Peak learning rate under AdamW. Default 0.006. */
  learningRate: number
  /** Decoupled decay of matrices (norms, scalars and embeddings are not decayed). Default 0.1. */
  weightDecay: number
  /** Global gradient norm is clipped to this; 0: not at all. Default 1. */
  clip: number
  /** Shares of the horizon spent warming up and decaying (WSD). Defaults 0.02 and 0.4. */
  warmup: number
  decay: number
  /** Learning rate at the end, as a share of the peak. Default 0.05. */
  finalLearningRate: number
  /** Skip the update of a step whose loss or gradient norm lies this many sigma above the mean. 0: never. Default 6. */
  skipSigma: number
  /** Arithmetic of products. Default 'bf16'. */
  compute: 'bf16' | 'f32'
  /** Dtype of the residual stream. Default 'f32'. */
  residual: 'bf16' | 'f32'
  /** Recompute each block in the backward pass to save memory. Default false. */
  activationCheckpointing: boolean
  /** Seed of the initial weights. Default 0. */
  seed: number
  /** Steps between validations, and batches each; 0: only at the end. Defaults 0 and 8. */
  evalEvery: number
  evalBatches: number
  /** Steps between checkpoints; 0: only at the end or when stopped. Default 0. */
  checkpointEvery: number
  /** Minutes between checkpoints; 0: never by time. Default 0. */
  checkpointMinutes: number
  /** Keep what routers do (runFolder/routing.jsonl) and warn when they collapse. Default true. */
  routingRecord: boolean
}

/** What every step reports. */
export interface StepMetrics {
  /** Steps done, from 1. */
  step: number
  /** Tokens trained on so far. */
  tokens: number
  /** Cross-entropy of this step, nats a token. */
  loss: number
  lossBitsPerByte: number
  /** Only at steps that were followed by a validation. */
  valBitsPerByte?: number
  gradNorm: number
  /** Learning rate of this step under AdamW, and under Muon. */
  learningRate: number
  matrixLearningRate: number
  /** Of this step. */
  tokensPerSecond: number
  /** Model FLOP/s over the GEMM peak measured on this machine at the start; NaN when it was not measured. */
  mfu: number
  /** MaxVio: largest expert load over the mean, minus 1; mean over layers. 0 is perfect balance. */
  balance: number
  /** The same for each layer. */
  balancePerLayer: number[]
  /** Tokens that each expert of each layer with experts got in this step. */
  expertTokens: number[][]
  /** Load-balance loss (1 when uniform) and router z-loss, means over layers. */
  balanceLoss: number
  routerZLoss: number
  /** What began to go wrong with routing at this step; left out: nothing. */
  routingAlerts?: RoutingAlert[]
  /** True when the update was skipped as a spike. */
  skipped: boolean
  secondsElapsed: number
  /** Share of the horizon that is done, 0 to 1. */
  fractionDone: number
}

/** A validation. */
export interface EvalMetrics {
  step: number
  valBitsPerByte: number
  /** Nats a token. */
  valLoss: number
  secondsElapsed: number
}

/** Everything a run needs. Callbacks are awaited; the event loop runs between steps. */
export interface TrainRequest {
  /** Of the trunk alone, or with the embedders of pictures and sound. */
  config: ModelConfig | MultimodalConfig
  training: Partial<TrainingOptions> & Pick<TrainingOptions, 'horizon' | 'batch' | 'time'>
  /** A model of the same weights to begin with, which is left as it is. Default: new weights. */
  initial?: Model
  loader: BatchSource
  /** Fresh batches of held-out text, the same ones at every call; left out: no validation. */
  validation?: () => BatchSource
  tokenizer?: SavableTokenizer
  /** Writes files of the caller's into a checkpoint's folder, before it takes the old one's place. */
  saveBeside?: (folder: string) => void | Promise<void>
  /** The checkpoint goes to runFolder/checkpoint, the record of routing beside it; left out: nothing is written. */
  runFolder?: string
  /** Go on from the checkpoint of runFolder. */
  resume?: boolean
  onStart?: (info: StartInfo) => void | Promise<void>
  onStep?: (metrics: StepMetrics) => void | Promise<void>
  onEval?: (metrics: EvalMetrics) => void | Promise<void>
  onCheckpoint?: (folder: string, step: number) => void | Promise<void>
  /** Steps after which to save, whatever the intervals say. */
  saveAt?: readonly number[]
  /** Stops after the current step, saves, and returns with `stopped: true`. */
  signal?: AbortSignal
}

/** What is known before the first step. */
export interface StartInfo {
  parameters: number
  /** Weights that one token meets, the head counted once and the lookup not. */
  activeParameters: number
  /** Model FLOPs of a token, forward and backward. */
  flopsPerToken: number
  /** Peak of this machine's matrix product, GFLOP/s. */
  peakGflops: number
  isa: string
  threads: number
  resumedFromStep: number
}

/** What a run comes to. */
export interface Summary extends StartInfo {
  step: number
  tokens: number
  seconds: number
  /** Mean of the last 20 steps. */
  lossBitsPerByte: number
  /** At the end; undefined without validation. */
  valBitsPerByte?: number
  tokensPerSecond: number
  mfu: number
  balance: number
  skippedSteps: number
  stopped: boolean
  /** Folder of the checkpoint, if one was written. */
  checkpoint?: string
}
