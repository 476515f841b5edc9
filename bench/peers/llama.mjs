// llama.cpp as a peer (bench/peers/peer.ts): node-llama-cpp from the folder that POLLUX_PEER_LLAMA names, on the CPU.
//
// Questions: {do: 'load', path, threads, context}; {do: 'read', tokens}: seconds to evaluate a prompt in one batch;
// {do: 'write', prompt, tokens}: seconds to write tokens greedily behind a prompt, the prompt not counted; {do: 'end'}.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const answer = (object) => process.stdout.write(`${JSON.stringify(object)}\n`)

/** Ids that are no special tokens of the bench's vocabulary. */
const ids = (count) => Array.from({ length: count }, (_, i) => 40 + ((i * 37) % 200))

const state = {}

const actions = {
  async load({ path, threads, context }) {
    await actions.end()
    state.model = await state.llama.loadModel({ modelPath: path, gpuLayers: 0 })
    state.context = await state.model.createContext({
      contextSize: context,
      batchSize: context,
      threads,
      flashAttention: true,
    })
    state.sequence = state.context.getSequence()
    return { loaded: 1 }
  },
  async read({ tokens }) {
    await state.sequence.clearHistory()
    const start = process.hrtime.bigint()
    await state.sequence.evaluateWithoutGeneratingNewTokens(ids(tokens))
    return { seconds: Number(process.hrtime.bigint() - start) / 1e9 }
  },
  async write({ prompt, tokens }) {
    await state.sequence.clearHistory()
    let start
    let written = 0
    // the first token waits for the prompt
    for await (const _ of state.sequence.evaluate(ids(prompt), { temperature: 0, yieldEogToken: true })) {
      start ??= process.hrtime.bigint()
      if (written++ >= tokens) break
    }
    return { seconds: Number(process.hrtime.bigint() - start) / 1e9, written: written - 1 }
  },
  async end() {
    await state.context?.dispose()
    await state.model?.dispose()
    state.context = state.model = undefined
    return { ended: 1 }
  },
}

const entry = join(process.env.POLLUX_PEER_LLAMA ?? '', 'node_modules/node-llama-cpp/dist/index.js')
if (!existsSync(entry)) {
  answer({ missing: 'llama.cpp is measured with the node-llama-cpp in the folder that POLLUX_PEER_LLAMA names' })
} else {
  const { getLlama, LlamaLogLevel } = await import(entry)
  const maxThreads = Number(process.env.POLLUX_PEER_THREADS)
  state.llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads })
  answer({ name: `llama.cpp ${state.llama.llamaCppRelease?.release ?? ''}`.trim() })
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: action, ...rest } = JSON.parse(line)
    try {
      answer(await actions[action](rest))
    } catch (error) {
      answer({ error: String(error) })
    }
  }
}
