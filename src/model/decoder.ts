// The whole model for one process: token ids in, hidden states, a loss or logits out.
//
//   h0     = E[ids] * sqrt(D)
//   h      = Block_L(... Block_1(h0))
//   logits = cap * tanh(norm(h) E^T / cap)          the head is the embedding table
//
// Shapes: R rows (batch*time), D width, V vocabulary.
import { initialise, Norm, type RopeTable, ropeTable, type Routing, type Weight } from '../nn/index.ts'
import { matrixWeight } from '../nn/index.ts'
import { attentionMask, cast, embedding, headCrossEntropy, linear, replaceRows, takeRows } from '../ops/index.ts'
import { checkpoint, type Dtype, fromArray, type Tensor } from '../tensor/index.ts'
import type { Rng } from '../util/index.ts'
import { Block, type BlockContext } from './block.ts'
import type { LayerType, ModelConfig } from './config.ts'

/** Packed sequences; every array has batch*time entries. */
export interface DecoderInput {
  ids: Int32Array
  batch: number
  time: number
  /** Row inside the sequence where this row's document starts. Default 0: one document a sequence. */
  segmentStart?: Int32Array
  /** Place of each row in its document. Default: its place in the sequence. */
  positions?: Int32Array
  /** Last row, inside the sequence, of the image block that a row belongs to: such rows see each other both ways in sliding layers. */
  blockEnd?: Int32Array
  /** Soft tokens: rows whose embedding is replaced, unscaled, by values [N, D] (pictures, sound). Rows increase. */
  soft?: { rows: Int32Array; values: Tensor }[]
}

export interface ForwardOptions {
  /** Arithmetic of products and dtype of activations. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** Dtype of the residual stream. Default 'f32'. */
  residual?: Dtype
  /** Recompute each block in the backward pass instead of keeping its activations. Default false. */
  activationCheckpointing?: boolean
  /** Factor on the router's losses (a micro-batch's share of the step). Default 1. */
  lossWeight?: number
}

export interface HiddenResult {
  /** After the last norm, [R, D]. */
  hidden: Tensor
  /** One entry for each layer with experts. */
  routings: Routing[]
}

export interface LossResult {
  /** Scalar: mean cross-entropy over the rows with a target, nats. The router's losses act through gradients only. */
  loss: Tensor
  /** Nats of each row, 0 without target. */
  rowLoss: Float32Array
  routings: Routing[]
}

/** Share of rows with a target up to which the head is spared the others. */
const mostHeadRows = 0.8

export class Decoder {
  readonly config: ModelConfig
  readonly embedding: Weight
  readonly blocks: Block[]
  readonly finalNorm: Norm
  readonly #rope: Record<LayerType, RopeTable>

  /** Weights are zero; call `initialise`, or load a checkpoint. */
  constructor(config: ModelConfig) {
    this.config = config
    this.embedding = matrixWeight('model.embed_tokens.weight', [config.vocab_size, config.hidden_size], 'embedding')
    this.blocks = config.layer_types.map((_, layer) => new Block(`model.layers.${layer}`, config, layer))
    this.finalNorm = new Norm('model.norm', config.hidden_size, { eps: config.rms_norm_eps })
    const rope = (type: LayerType): RopeTable =>
      ropeTable({
        positions: config.max_position_embeddings,
        headDim: config.head_dim,
        theta: config.rope_parameters[type].rope_theta,
        share: config.rope_parameters[type].partial_rotary_factor,
      })
    this.#rope = { sliding_attention: rope('sliding_attention'), full_attention: rope('full_attention') }
  }

  /** Every weight, in a fixed order: initial values, gradient norm and checkpoints follow it. */
  get weights(): Weight[] {
    return [this.embedding, ...this.blocks.flatMap((block) => block.weights), this.finalNorm.weight]
  }

  /** Draws initial weights. */
  initialise(rng: Rng): this {
    initialise(this.weights, rng, { std: this.config.initializer_range })
    return this
  }

  zeroGrad(): void {
    for (const { parameter } of this.weights) parameter.zeroGrad()
  }

  /** Hidden states after the last norm. */
  forward(input: DecoderInput, options: ForwardOptions = {}): HiddenResult {
    const { compute = 'bf16', residual = 'f32', activationCheckpointing = false, lossWeight = 1 } = options
    this.#checkInput(input)
    const { hidden_size: dim } = this.config
    const ids = intTensor(input.ids)
    const contexts = this.#contexts(input, { residual, activation: compute, lossWeight })
    const routings: (Routing | null)[] = []
    let x_RD = embedding(ids, this.embedding.parameter, { scale: Math.sqrt(dim), outDtype: residual })
    for (const { rows, values } of input.soft ?? []) x_RD = replaceRows(x_RD, rows, cast(values, residual))
    this.blocks.forEach((block, layer) => {
      const run = (x: Tensor): Tensor => {
        const { output, routing } = block.forward(x, contexts[block.layerType])
        routings[layer] ??= routing
        return output
      }
      x_RD = activationCheckpointing ? checkpoint(run, [x_RD]) : run(x_RD)
    })
    const hidden = this.finalNorm.forward(x_RD, { outDtype: compute })
    return { hidden, routings: routings.filter((routing) => routing !== null) }
  }

  /** Loss of predicting `targets` [R] (-1: no target at this row). */
  loss(input: DecoderInput, targets: Int32Array, options: ForwardOptions = {}): LossResult {
    const { hidden, routings } = this.forward(input, options)
    const table = this.embedding.parameter
    const softcap = this.config.final_logit_softcapping
    const counted = Int32Array.from(targets.keys().filter((row) => targets[row] !== -1))
    // where many rows predict nothing (media, questions) the head reads the others only
    if (counted.length === 0 || counted.length > mostHeadRows * targets.length) {
      return { ...headCrossEntropy(hidden, table, intTensor(targets), { softcap }), routings }
    }
    const chosen = Int32Array.from(counted, (row) => targets[row])
    const { loss, rowLoss: chosenLoss } = headCrossEntropy(takeRows(hidden, counted), table, intTensor(chosen), {
      softcap,
    })
    const rowLoss = new Float32Array(targets.length)
    counted.forEach((row, i) => (rowLoss[row] = chosenLoss[i]))
    return { loss, rowLoss, routings }
  }

  /** Logits of rows of `hidden` [N, D] -> f32 [N, V]; outside training only (not differentiable through the cap). */
  logits(hidden_ND: Tensor): Float32Array {
    const raw = linear(hidden_ND, this.embedding.parameter, { outDtype: 'f32' })
    const cap = this.config.final_logit_softcapping
    return Float32Array.from(raw.floats, (x) => (cap > 0 ? cap * Math.tanh(x / cap) : x))
  }

  #contexts(input: DecoderInput, common: Pick<BlockContext, 'residual' | 'activation' | 'lossWeight'>) {
    const { batch, time, segmentStart, blockEnd } = input
    const positions = intTensor(input.positions ?? Int32Array.from(input.ids, (_, row) => row % time))
    const context = (type: LayerType, window?: number): BlockContext => ({
      ...common,
      batch,
      time,
      positions,
      mask: attentionMask({ batch, time, window, segmentStart, blockEnd: window === undefined ? undefined : blockEnd }),
      rope: this.#rope[type],
    })
    return {
      sliding_attention: context('sliding_attention', this.config.sliding_window),
      full_attention: context('full_attention'),
    }
  }

  #checkInput({ ids, batch, time }: DecoderInput): void {
    if (ids.length !== batch * time) {
      throw new Error(`decoder: ids must have batch*time = ${batch}*${time} entries, got ${ids.length}`)
    }
    const limit = this.config.max_position_embeddings
    if (time > limit) {
      throw new Error(`decoder: time must be at most max_position_embeddings (${limit}), got ${time}`)
    }
    for (const id of ids) {
      if (id < 0 || id >= this.config.vocab_size) {
        throw new Error(`decoder: token ids must be in [0, ${this.config.vocab_size}), got ${id}`)
      }
    }
  }
}

function intTensor(values: Int32Array): Tensor {
  return fromArray(values, [values.length], { dtype: 'i32' })
}
