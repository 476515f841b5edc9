// The tensors of a model as GGUF names and stores them.
//
// Matrices are stored in the type asked for, the table (which is the head too) and rows that are no whole number of blocks in
// the next better one; vectors, routers and constants in f32, as llama.cpp's own converter does.
import type { Weight } from '../../nn/index.ts'
import type { Decoder } from '../decoder.ts'
import { families } from '../family.ts'
import { layerShapes } from '../layers.ts'
import { type StoredPiece, storedPieces } from '../tensorNames.ts'
import { emptyInner, ggufArchitecture, refuse } from './architecture.ts'
import { GgufError, type StorableType, tensorTypes } from './format.ts'
import type { GgufTensor } from './writer.ts'

/** Names outside of layers, ours to GGUF's. */
const modelNames: Record<string, string> = {
  'embed_tokens.weight': 'token_embd.weight',
  'norm.weight': 'output_norm.weight',
  'embed_tokens_per_layer.weight': 'per_layer_token_embd.weight',
  'per_layer_model_projection.weight': 'per_layer_model_proj.weight',
  'per_layer_projection_norm.weight': 'per_layer_proj_norm.weight',
}

/** Names in a layer. */
const layerNames: Record<string, string> = {
  'input_layernorm.weight': 'attn_norm.weight',
  'self_attn.q_proj.weight': 'attn_q.weight',
  'self_attn.k_proj.weight': 'attn_k.weight',
  'self_attn.v_proj.weight': 'attn_v.weight',
  'self_attn.o_proj.weight': 'attn_output.weight',
  'self_attn.q_norm.weight': 'attn_q_norm.weight',
  'self_attn.k_norm.weight': 'attn_k_norm.weight',
  'post_attention_layernorm.weight': 'post_attention_norm.weight',
  'pre_feedforward_layernorm.weight': 'ffn_norm.weight',
  'mlp.gate_proj.weight': 'ffn_gate.weight',
  'mlp.up_proj.weight': 'ffn_up.weight',
  'mlp.down_proj.weight': 'ffn_down.weight',
  'post_feedforward_layernorm.weight': 'post_ffw_norm.weight',
  'post_feedforward_layernorm_1.weight': 'post_ffw_norm_1.weight',
  'pre_feedforward_layernorm_2.weight': 'pre_ffw_norm_2.weight',
  'post_feedforward_layernorm_2.weight': 'post_ffw_norm_2.weight',
  'router.proj.weight': 'ffn_gate_inp.weight',
  'router.scale': 'ffn_gate_inp.scale',
  'router.per_expert_scale': 'ffn_down_exps.scale',
  'experts.gate_up_proj': 'ffn_gate_up_exps.weight',
  'experts.down_proj': 'ffn_down_exps.weight',
  'per_layer_input_gate.weight': 'inp_gate.weight',
  'per_layer_projection.weight': 'proj.weight',
  'post_per_layer_input_norm.weight': 'post_norm.weight',
}

/** GGUF's name of one of our stored tensors. */
export function ggufName(name: string): string {
  const [, layer, inLayer] = /^model\.layers\.(\d+)\.(.*)$/.exec(name) ?? []
  const found = layer === undefined ? modelNames[name.replace(/^model\./, '')] : layerNames[inLayer]
  if (found === undefined) throw new GgufError(name, 'must have a name in GGUF, got a tensor without')
  return layer === undefined ? found : `blk.${layer}.${found}`
}

/** All tensors of a model; matrices are of `type` where it can hold them. */
export function ggufTensors(model: Decoder, type: StorableType): GgufTensor[] {
  const { config } = model
  for (const { buffers } of model.routers) {
    for (const { name, data, transient } of buffers) {
      if (!transient && data.some((value) => value !== 0))
        refuse(
          name,
          'must be zeros',
          data.find((value) => value !== 0),
        )
    }
  }
  const factor = queryFactor(model)
  const tensors = model.weights.flatMap((weight) =>
    storedPieces(weight).map((piece) => tensorOf(weight, piece, type, factor)),
  )
  if (families[config.model_type].layerScalar) {
    model.blocks.forEach(({ layerScalar }, layer) => {
      tensors.push(vector(`blk.${layer}.layer_output_scale.weight`, Float32Array.of(layerScalar)))
    })
  }
  if (ggufArchitecture(config) === 'gemma4') tensors.push(...ropeTensor(model), ...emptyMlps(model))
  return tensors
}

function tensorOf({ parameter, role }: Weight, piece: StoredPiece, type: StorableType, factor: number): GgufTensor {
  const { name, shape, offset, size } = piece
  const data = (): Float32Array => parameter.data.subarray(offset, offset + size)
  const scaled = factor !== 1 && name.endsWith('q_norm.weight')
  const values = scaled ? () => data().map((value) => value * factor) : data
  const isMatrix = role === 'matrix' || role === 'experts' || role === 'embedding'
  return { name: ggufName(name), shape, type: isMatrix ? typeFor(type, shape, role) : 'f32', values }
}

/** The type of a matrix: that asked for, or the next better one. */
function typeFor(type: StorableType, shape: readonly number[], role: string): StorableType {
  // the table is the head as well, whose errors are the answer's
  const wanted = type === 'q4_0' && role === 'embedding' ? 'q8_0' : type
  return shape.at(-1)! % tensorTypes[wanted].numbers === 0 ? wanted : 'f16'
}

/** llama.cpp divides Gemma 3's scores by the root of the head width; any other divisor goes into the query norm. */
function queryFactor({ config }: Decoder): number {
  if (ggufArchitecture(config) === 'gemma4') return 1
  return Math.sqrt(config.head_dim / (config.query_pre_attn_scalar ?? 1))
}

/** Divisors of the angles of full layers, one a pair: so large where a pair does not turn that it does not. */
function ropeTensor({ config }: Decoder): GgufTensor[] {
  if (!config.layer_types.includes('full_attention')) return []
  const { partial_rotary_factor: share = 1, factor = 1 } = config.rope_parameters.full_attention
  const turning = Math.floor((share * config.global_head_dim) / 2)
  const divisors = Float32Array.from({ length: config.global_head_dim / 2 }, (_, i) => (i < turning ? factor : 1e30))
  return [vector('rope_freqs.weight', divisors)]
}

/**
 * Where experts have no dense MLP beside them: one whose output is 0, and norms about the experts that leave what they do
 * to the two that are there (a norm of a normed vector is itself, but for eps).
 */
function emptyMlps({ blocks, config }: Decoder): GgufTensor[] {
  const { hidden_size: dim } = config
  const ones = (): Float32Array => new Float32Array(dim).fill(1)
  return layerShapes(config).flatMap(({ inner }, layer): GgufTensor[] => {
    if (inner > 0) return []
    const named = (name: string): string => `blk.${layer}.${name}.weight`
    const zeros = (name: string, shape: [number, number]): GgufTensor => {
      return { name: named(name), shape, type: 'f32', values: () => new Float32Array(shape[0] * shape[1]) }
    }
    return [
      ...[
        zeros('ffn_gate', [emptyInner, dim]),
        zeros('ffn_up', [emptyInner, dim]),
        zeros('ffn_down', [dim, emptyInner]),
      ],
      vector(named('pre_ffw_norm_2'), blocks[layer].preFeedforwardNorm.weight.parameter.data),
      ...['post_ffw_norm_1', 'post_ffw_norm_2'].map((name) => vector(named(name), ones())),
    ]
  })
}

function vector(name: string, values: Float32Array): GgufTensor {
  return { name, shape: [values.length], type: 'f32', values: () => values }
}
