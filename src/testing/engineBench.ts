// Engines of a tiny untrained model in f32, for tests that compare whole texts; they close when their test ends.
import { afterEach } from 'vitest'
import { createEngine, type Engine, type EngineOptions } from '../inference/index.ts'
import { Decoder, type ModelConfig, parseConfig, preset } from '../model/index.ts'
import { Rng } from '../util/index.ts'

export interface EngineBench {
  config: ModelConfig
  model: Decoder
  /** The first ids of a prompt, another one for each `salt`. */
  ids: (count: number, salt?: number) => Int32Array
  newEngine: (options?: EngineOptions) => Engine
  /** Closes an engine of another making when the test ends. */
  closeLater: (engine: Engine) => Engine
}

/** @param changes of micro's config, which is asked for a context of 1,024 tokens */
export function engineBench(changes: Partial<ModelConfig> = {}): EngineBench {
  const config = parseConfig({ ...preset('micro').config, max_position_embeddings: 1024, ...changes })
  const model = new Decoder(config).initialise(new Rng(1))
  const engines: Engine[] = []
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close()
  })
  const closeLater = (engine: Engine): Engine => {
    engines.push(engine)
    return engine
  }
  return {
    ...{ config, model, closeLater },
    ids: (count, salt = 37) =>
      Int32Array.from({ length: count }, (_, i) => (i * salt + ((i * i) % 7) + salt) % config.vocab_size),
    newEngine: (options = {}) => closeLater(createEngine(model, { compute: 'f32', cacheBytes: 2 ** 24, ...options })),
  }
}
