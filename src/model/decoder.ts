// The whole model for one process: token ids in, hidden states, a loss or logits out.
//
//   h0     = E[ids] * sqrt(D), soft tokens put in place of placeholders
//   p      = per-layer inputs of ids and h0, where the model has them
//   h      = Block_L(... Block_1(h0)), the last blocks with keys and values of earlier ones where they are shared
//   logits = cap * tanh(norm(h) E^T / cap)          the head is the embedding table
//
// Shapes: R rows (batch*time), D width, V vocabulary.
import { kernels } from '../native/index.ts'
import {
  initialise,
  type KeyValues,
  matrixWeight,
  Norm,
  PerLayerInputs,
  ropeRows,
  type RopeTable,
  ropeTable,
  type Router,
  type RouterTraining,
  type Routing,
  type Weight,
} from '../nn/index.ts'
import { attentionMask, cast, embedding, headCrossEntropy, linear, replaceRows, takeRows } from '../ops/index.ts'
import { checkpoint, type Dtype, empty, fromArray, type Tensor } from '../tensor/index.ts'
import { PolluxError, type Rng } from '../util/index.ts'
import { Block, type BlockContext, type BlockInputs, narrowed, perLayerShape } from './block.ts'
import type { LayerType, ModelConfig } from './config.ts'
import { checkInput, type DecoderInput, type Past } from './decoderInput.ts'
import { families } from './family.ts'
import { ropeTurn } from './layers.ts'

export interface ForwardOptions {
  /** Arithmetic of products and dtype of activations. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** Dtype of the residual stream. Default 'f32'. */
  residual?: Dtype
  /** Recompute each block in the backward pass instead of keeping its activations. Default false. */
  activationCheckpointing?: boolean
  /** Factor on the router's losses (a micro-batch's share of the step). Default 1. */
  lossWeight?: number
  /** Given in a step of training: what routers may draw and drop. Default: nothing. */
  training?: RouterTraining
}

export interface HiddenResult {
  /** After the last norm, [R, D]; with outputRows [N, D]. */
  hidden: Tensor
  /** One entry for each layer with experts that ran. */
  routings: Routing[]
}

export interface LossResult {
  /** Scalar: mean cross-entropy over the rows with a target, nats. The router's losses act through gradients only. */
  loss: Tensor
  /** Nats of each row, 0 without target. */
  rowLoss: Float32Array
  routings: Routing[]
}

/** Positions times head width, the size of a rotary table: 262144 positions of heads of 512, as in Gemma 4. */
const largestRope = 2 ** 27

/** Share of rows with a target up to which the head is spared the others. */
const mostHeadRows = 0.8

export class Decoder {
  readonly config: ModelConfig
  readonly embedding: Weight
  readonly blocks: Block[]
  readonly finalNorm: Norm
  readonly perLayer: PerLayerInputs | null
  /** Tables for the positions met so far; long ones are large. */
  readonly #rope = new Map<LayerType, { positions: number; table: RopeTable }>()

  /** Weights are zero; call `initialise`, or load a checkpoint. */
  constructor(config: ModelConfig) {
    this.config = config
    this.embedding = matrixWeight('model.embed_tokens.weight', [config.vocab_size, config.hidden_size], 'embedding')
    this.blocks = config.layer_types.map((_, layer) => new Block(`model.layers.${layer}`, config, layer))
    const storedLess = families[config.model_type].onePlusNorms ? 1 : 0
    this.finalNorm = new Norm('model.norm', config.hidden_size, { eps: config.rms_norm_eps, storedLess })
    this.perLayer = config.hidden_size_per_layer_input > 0 ? new PerLayerInputs('model', perLayerShape(config)) : null
  }

  /** The config of the trunk: what a model with embedders has under text_config. */
  get textConfig(): ModelConfig {
    return this.config
  }

  /** Every weight, in a fixed order: initial values, gradient norm and checkpoints follow it. */
  get weights(): Weight[] {
    const blocks = this.blocks.flatMap((block) => block.weights)
    return [this.embedding, ...(this.perLayer?.weights ?? []), ...blocks, this.finalNorm.weight]
  }

  /** Those of the layers with experts, in order: the order of `routings`. */
  get routers(): Router[] {
    return this.blocks.flatMap(({ sparse }) => (sparse ? [sparse.router] : []))
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
    const { compute = 'bf16', residual = 'f32', activationCheckpointing = false, lossWeight = 1, training } = options
    checkInput(input, this.config)
    const { outputRows } = input
    const { hidden_size: dim } = this.config
    const blockEnd = this.config.use_bidirectional_attention === 'vision' ? input.blockEnd : undefined
    const pass = input.past?.open(input.time, blockEnd)
    const ids = intTensor(input.ids)
    let contexts = this.#contexts(input, { residual, activation: compute, lossWeight, training })
    /** The layer from which on only `rows` go on. */
    const narrowAt = outputRows ? this.blocks.findLastIndex(({ donor }) => donor === null) : Infinity
    const routings: (Routing | null)[] = []
    let x_RD = embedding(ids, this.embedding.parameter, { scale: Math.sqrt(dim), outDtype: residual })
    for (const { rows, values } of input.soft ?? []) x_RD = replaceRows(x_RD, rows, cast(values, residual))
    let perLayer = this.perLayer?.forward(this.#perLayerIds(input), x_RD, compute)
    const keyValues: (KeyValues | null)[] = []
    const donors = new Set(this.blocks.map(({ donor }) => donor))
    for (const [layer, block] of this.blocks.entries()) {
      const rows = layer === narrowAt ? outputRows : undefined
      if (rows?.length === 0 && pass) {
        block.remember(x_RD, contexts[block.layerType], pass.layer(layer))
        break
      }
      if (rows && perLayer) perLayer = takeRows(perLayer, rows)
      const run = (x: Tensor, inputs: BlockInputs): Tensor => {
        const result = block.forward(x, contexts[block.layerType], inputs)
        routings[layer] ??= result.routing
        if (donors.has(layer)) keyValues[layer] = result.keyValues
        return result.output
      }
      const shared = block.donor === null ? undefined : (keyValues[block.donor] ?? undefined)
      const memory = pass?.layer(block.donor ?? layer, layer >= narrowAt ? outputRows : undefined)
      // a donor's keys and values have to outlive it, so it is never computed twice
      if (activationCheckpointing && !memory && !donors.has(layer)) x_RD = checkpointed(run, x_RD, { shared, perLayer })
      else x_RD = run(x_RD, { shared, memory, perLayer, rows })
      if (rows) {
        contexts = {
          sliding_attention: narrowed(contexts.sliding_attention, rows),
          full_attention: narrowed(contexts.full_attention, rows),
        }
      }
    }
    pass?.commit()
    if (outputRows?.length === 0) return { hidden: empty([0, dim], { dtype: compute }), routings: present(routings) }
    const hidden = this.finalNorm.forward(x_RD, { outDtype: compute })
    return { hidden, routings: present(routings) }
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
    const logits = linear(hidden_ND, this.embedding.parameter, { outDtype: 'f32' }).floats.slice()
    const cap = this.config.final_logit_softcapping
    if (cap > 0) kernels.softcap(logits, cap, logits.length)
    return logits
  }

  #contexts(input: DecoderInput, common: Pick<BlockContext, 'residual' | 'activation' | 'lossWeight' | 'training'>) {
    const { batch, time, segmentStart, padding, past } = input
    if (past) return this.#pastContexts(input.ids.length, time, past, { ...common, padding })
    const places = input.positions ?? Int32Array.from(input.ids, (_, row) => row % time)
    const positions = intTensor(places)
    const blockEnd = this.config.use_bidirectional_attention === 'vision' ? input.blockEnd : undefined
    const count = places.reduce((most, place) => Math.max(most, place + 1), 1)
    const context = (type: LayerType, window?: number): BlockContext => ({
      ...common,
      padding,
      batch,
      time,
      positions,
      mask: attentionMask({ batch, time, window, segmentStart, blockEnd: window === undefined ? undefined : blockEnd }),
      rope: this.#ropeTable(type, count),
    })
    return {
      sliding_attention: context('sliding_attention', this.config.sliding_window),
      full_attention: context('full_attention'),
    }
  }

  /** Contexts of rows that stand behind a past: tables hold the angles of these rows alone. */
  #pastContexts(
    rows: number,
    time: number,
    past: Past,
    common: Pick<BlockContext, 'residual' | 'activation' | 'lossWeight' | 'training' | 'padding'>,
  ) {
    const places = Int32Array.from({ length: rows }, (_, row) => past.lengths[Math.floor(row / time)] + (row % time))
    const positions = intTensor(Int32Array.from(places.keys()))
    const context = (type: LayerType): BlockContext => ({
      ...{ ...common, batch: past.lengths.length, time, positions, mask: null },
      rope: ropeRows(places, ropeTurn(this.config, type)),
    })
    return { sliding_attention: context('sliding_attention'), full_attention: context('full_attention') }
  }

  /** The table of a layer type for at least `count` positions. */
  #ropeTable(type: LayerType, count: number): RopeTable {
    const known = this.#rope.get(type)
    if (known && known.positions >= count) return known.table
    const { config } = this
    const turn = ropeTurn(config, type)
    const most = Math.floor(largestRope / turn.headDim)
    if (count > most) {
      throw new PolluxError(`decoder: a pass without a past must be at most ${most} positions, got ${count}`, {
        hint: 'read it in chunks into a key-value cache (prefill)',
      })
    }
    // doubled at least, so that a text that grows token by token does not make it anew each time
    const positions = Math.min(config.max_position_embeddings, most, Math.max(count, 2 * (known?.positions ?? 256)))
    const table = ropeTable({ positions, ...turn })
    this.#rope.set(type, { positions, table })
    return table
  }

  /** Ids for the per-layer table: that of padding where a soft token stands. */
  #perLayerIds({ ids, soft = [] }: DecoderInput): Tensor {
    const own = ids.slice()
    for (const { rows } of soft) for (const row of rows) own[row] = this.config.pad_token_id ?? 0
    return intTensor(own)
  }
}

/** A block of which only the inputs are kept for the backward pass. */
function checkpointed(
  run: (x: Tensor, inputs: BlockInputs) => Tensor,
  x: Tensor,
  { shared, perLayer }: BlockInputs,
): Tensor {
  const inputs = [x, ...(shared ? [shared.k, shared.v] : []), ...(perLayer ? [perLayer] : [])]
  return checkpoint((again, ...rest) => {
    const [k, v] = shared ? rest.splice(0, 2) : []
    return run(again, { shared: shared && { k, v }, perLayer: rest[0] })
  }, inputs)
}

function present<T>(values: (T | null)[]): T[] {
  return values.filter((value) => value !== null)
}

function intTensor(values: Int32Array): Tensor {
  return fromArray(values, [values.length], { dtype: 'i32' })
}
