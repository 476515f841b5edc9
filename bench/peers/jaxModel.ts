// The dense decoder of src/model written in @jax-js/jax, with AdamW: the peer of jax.bench.ts.
//
// Same shape and norms, f32 throughout (jax-js has no bf16), full causal mask and window as an additive mask, compiled with
// jit. jax-js counts references: every use of an array but the last is written `.ref`.
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax'
import type { ModelConfig } from '../../src/model/index.ts'
import { uniform } from '../arrays.ts'

type Layer = { [name: string]: np.Array }
type Weights = { embed: np.Array; norm: np.Array; layers: Layer[] }

/** A step function, which answers the loss of each call, and the number of weights. */
export interface JaxModel {
  parameters: number
  /** Runs forward, backward and AdamW; waits for the result. */
  step(): Promise<number>
}

function rmsNorm(x: np.Array, weight: np.Array | null, eps: number): np.Array {
  const mean = np.mean(np.square(x.ref), -1, { keepdims: true })
  const normed = x.div(np.sqrt(mean.add(eps)))
  return weight === null ? normed : normed.mul(weight)
}

/** Rotates halves: (a, b) -> (a cos - b sin, b cos + a sin), x [B, T, N, C]. */
function rotate(x: np.Array, cos: np.Array, sin: np.Array): np.Array {
  const [a, b] = np.split(x, 2, -1)
  const first = a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref))
  return np.concatenate([first, b.mul(cos).add(a.mul(sin))], -1)
}

export async function jaxModel(config: ModelConfig, batch: number, time: number): Promise<JaxModel> {
  await init('wasm')
  defaultDevice('wasm')
  const { hidden_size: d, num_attention_heads: h, num_key_value_heads: g, head_dim: c, rms_norm_eps: eps } = config
  const random = uniform(5)
  const counts = { parameters: 0 }
  const make = (shape: number[], fill?: number) => {
    const size = shape.reduce((product, n) => product * n, 1)
    counts.parameters += size
    const data = Float32Array.from({ length: size }, () => fill ?? random() * config.initializer_range * Math.sqrt(3))
    return np.array(data).reshape(shape)
  }
  const layer = (): Layer => ({
    q: make([d, h * c]),
    k: make([d, g * c]),
    v: make([d, g * c]),
    o: make([h * c, d]),
    gate: make([d, config.intermediate_size]),
    up: make([d, config.intermediate_size]),
    down: make([config.intermediate_size, d]),
    qNorm: make([c], 1),
    kNorm: make([c], 1),
    inNorm: make([d], 1),
    attnNorm: make([d], 1),
    preNorm: make([d], 1),
    postNorm: make([d], 1),
  })
  let weights: Weights = {
    embed: make([config.vocab_size, d]),
    norm: make([d], 1),
    layers: config.layer_types.map(layer),
  }
  const tables = config.layer_types.map((type) => ropeTable(config, type, time))
  const masks = config.layer_types.map((type) => maskOf(type === 'full_attention' ? time : config.sliding_window, time))

  const block = (x: np.Array, w: Layer, i: number): np.Array => {
    const y = rmsNorm(x.ref, w.inNorm, eps)
    const heads = (z: np.Array, n: number) => z.reshape([batch, time, n, c])
    const cos = () => np.array(tables[i].cos).reshape([time, 1, c / 2])
    const sin = () => np.array(tables[i].sin).reshape([time, 1, c / 2])
    const q = rotate(rmsNorm(heads(np.matmul(y.ref, w.q), h), w.qNorm, eps), cos(), sin())
    const k = rotate(rmsNorm(heads(np.matmul(y.ref, w.k), g), w.kNorm, eps), cos(), sin())
    const v = rmsNorm(heads(np.matmul(y, w.v), g), null, eps)
    const wide = (z: np.Array) => np.repeat(z, h / g, 2)
    const scores = np.einsum('bthc,bshc->bhts', q, wide(k)).add(np.array(masks[i]).reshape([time, time]))
    const mixed = np.einsum('bhts,bshc->bthc', nn.softmax(scores, -1), wide(v)).reshape([batch, time, h * c])
    const x1 = x.add(rmsNorm(np.matmul(mixed, w.o), w.attnNorm, eps))
    const u = rmsNorm(x1.ref, w.preNorm, eps)
    const inner = nn.gelu(np.matmul(u.ref, w.gate)).mul(np.matmul(u, w.up))
    return x1.add(rmsNorm(np.matmul(inner, w.down), w.postNorm, eps))
  }
  const loss = (w: Weights, ids: np.Array, targets: np.Array): np.Array => {
    let x = np.take(w.embed.ref, ids, 0).mul(Math.sqrt(d))
    w.layers.forEach((one, i) => {
      x = block(x, one, i)
    })
    const cap = config.final_logit_softcapping
    const logits = np.tanh(np.matmul(rmsNorm(x, w.norm, eps), np.transpose(w.embed)).div(cap)).mul(cap)
    const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, config.vocab_size))
    return np.sum(chosen).mul(-1 / (batch * time))
  }
  const step = compileStep(loss)
  let first: Weights = tree.map((array: np.Array) => np.zerosLike(array.ref), tree.ref(weights)) as Weights
  let second: Weights = tree.map((array: np.Array) => np.zerosLike(array.ref), tree.ref(weights)) as Weights
  let steps = 0
  const tokens = () => {
    const ids = Int32Array.from({ length: batch * time }, () => Math.floor(((random() + 1) / 2) * config.vocab_size))
    return np.array(ids).reshape([batch, time])
  }
  return {
    parameters: counts.parameters,
    async step() {
      steps++
      const c1 = np.array(1 - 0.9 ** steps)
      const c2 = np.array(1 - 0.95 ** steps)
      const [value, ...next] = step(weights, first, second, tokens(), tokens(), c1, c2)
      ;[weights, first, second] = next as [Weights, Weights, Weights]
      await blockUntilReady(weights)
      return (await (value as np.Array).data())[0]
    },
  }
}

/** Forward, backward and AdamW as one compiled function: (weights, m, v, ids, targets, corrections) -> [loss, weights, m, v]. */
function compileStep(loss: (w: Weights, ids: np.Array, targets: np.Array) => np.Array) {
  const gradient = valueAndGrad(loss)
  const adam = (
    w: np.Array,
    g: np.Array,
    m: np.Array,
    v: np.Array,
    c1: np.Array,
    c2: np.Array,
  ): [np.Array, np.Array, np.Array] => {
    const m1 = m.mul(0.9).add(g.ref.mul(0.1))
    const v1 = v.mul(0.95).add(np.square(g).mul(0.05))
    const update = m1.ref.div(c1).div(np.sqrt(v1.ref.div(c2)).add(1e-8))
    return [w.ref.sub(update.add(w.mul(0.1)).mul(1e-3)), m1, v1]
  }
  return jit((w: Weights, m: Weights, v: Weights, ids: np.Array, targets: np.Array, c1: np.Array, c2: np.Array) => {
    const [value, g] = gradient(tree.ref(w), ids, targets)
    const [leaves, structure] = tree.flatten(w)
    const gradients = tree.leaves(g) as np.Array[]
    const [ms, vs] = [tree.leaves(m) as np.Array[], tree.leaves(v) as np.Array[]]
    const next = (leaves as np.Array[]).map((leaf, i) => adam(leaf, gradients[i], ms[i], vs[i], c1.ref, c2.ref))
    c1.dispose()
    c2.dispose()
    const pick = (part: number) =>
      tree.unflatten(
        structure,
        next.map((triple) => triple[part]),
      ) as Weights
    return [value, pick(0), pick(1), pick(2)] as [np.Array, Weights, Weights, Weights]
  })
}

function ropeTable(
  config: ModelConfig,
  type: ModelConfig['layer_types'][number],
  time: number,
): { cos: Float32Array<ArrayBuffer>; sin: Float32Array<ArrayBuffer> } {
  const { rope_type, rope_theta, partial_rotary_factor = 1 } = config.rope_parameters[type]
  const half = config.head_dim / 2
  const turning = rope_type === 'proportional' ? Math.floor((partial_rotary_factor * config.head_dim) / 2) : half
  const angle = (i: number) => {
    const pair = i % half
    return pair < turning ? Math.floor(i / half) * rope_theta ** ((-2 * pair) / config.head_dim) : 0
  }
  return {
    cos: Float32Array.from({ length: time * half }, (_, i) => Math.cos(angle(i))),
    sin: Float32Array.from({ length: time * half }, (_, i) => Math.sin(angle(i))),
  }
}

/** 0 where a query sees a key, -1e9 where not. */
function maskOf(window: number, time: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: time * time }, (_, i) => {
    const behind = Math.floor(i / time) - (i % time)
    return behind >= 0 && behind < window ? 0 : -1e9
  })
}
