// Where the time of a step goes: every function of the kernel table with a clock around it.
//
// Ops call `kernels.name(...)` anew each time, so replacing the entries is enough. Calls are counted in
// milliseconds of the calling thread, which waits for the pool, so shares of a step add up to at most 1.
import { kernels } from '../src/native/index.ts'

export interface KernelTime {
  name: string
  seconds: number
  calls: number
}

/** Starts the clocks; call `stop` to take them off and read them, longest first. */
export function timeKernels(): { stop(): KernelTime[] } {
  const table = kernels as unknown as Record<string, unknown>
  const originals = Object.entries(table).filter(([, entry]) => typeof entry === 'function')
  const times = new Map<string, KernelTime>()
  for (const [name, entry] of originals) {
    const call = entry as (...args: unknown[]) => unknown
    const time: KernelTime = { name, seconds: 0, calls: 0 }
    times.set(name, time)
    table[name] = (...args: unknown[]) => {
      const start = performance.now()
      try {
        return call(...args)
      } finally {
        time.seconds += (performance.now() - start) / 1000
        time.calls++
      }
    }
  }
  return {
    stop() {
      for (const [name, entry] of originals) table[name] = entry
      return [...times.values()].filter(({ calls }) => calls > 0).sort((a, b) => b.seconds - a.seconds)
    },
  }
}
