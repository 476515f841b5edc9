// Ctrl-C, politely: the first one asks the loop to finish its step and save, the second ends the process.
//
// The handler takes itself off when it fires. The second signal then meets the system's default action, which
// works even while native code runs and no JavaScript could.
import { exitCodes } from './usage.ts'

/** Signals that ask a training loop to stop. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
  /** 130 after SIGINT, 143 after SIGTERM, 0 when nothing came. */
  readonly exitCode: number
}

/** Listens for SIGINT and SIGTERM until disposed; `onFirst` tells the person what happens now. */
export function listenForInterrupt(onFirst: (name: 'SIGINT' | 'SIGTERM') => void): Interrupt {
  const controller = new AbortController()
  let exitCode = 0
  const stop = () => {
    process.removeListener('SIGINT', onInterrupt)
    process.removeListener('SIGTERM', onTerminate)
  }
  const handle = (name: 'SIGINT' | 'SIGTERM', code: number) => {
    stop()
    exitCode = code
    onFirst(name)
    controller.abort()
  }
  const onInterrupt = () => handle('SIGINT', exitCodes.interrupted)
  const onTerminate = () => handle('SIGTERM', exitCodes.terminated)
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onTerminate)
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode
    },
    [Symbol.dispose]: stop,
  }
}
