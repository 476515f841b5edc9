// Ctrl-C, politely: the first one asks the loop to finish its step and save, the second ends the process.
//
// The handler takes itself off soon after it fires. The second signal then meets the system's default action,
// which works even while native code runs and no JavaScript could. Not at once: under npx one Ctrl-C comes twice,
// from the terminal and passed on by npm.
import { exitCodes } from './usage.ts'

/** Milliseconds in which a second signal counts as the echo of the first. */
const echoMs = 300

/** Signals that ask a training loop to stop. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
  /** 130 after SIGINT, 143 after SIGTERM, 0 when nothing came. */
  readonly exitCode: number
}

/**
 * Listens for SIGINT and SIGTERM until disposed; `onFirst` tells the person what happens now. An echo is waited
 * out even then.
 */
export function listenForInterrupt(onFirst: (name: 'SIGINT' | 'SIGTERM') => void): Interrupt {
  const controller = new AbortController()
  let exitCode = 0
  const stop = () => {
    process.removeListener('SIGINT', onInterrupt)
    process.removeListener('SIGTERM', onTerminate)
  }
  const handle = (name: 'SIGINT' | 'SIGTERM', code: number) => {
    if (controller.signal.aborted) return
    exitCode = code
    onFirst(name)
    controller.abort()
    setTimeout(stop, echoMs).unref()
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
    [Symbol.dispose]() {
      if (!controller.signal.aborted) stop()
    },
  }
}
