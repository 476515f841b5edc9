// Runs `pollux sample`: loads a run's checkpoint and prints what it writes, as it writes.
import { existsSync } from 'node:fs'
import { recoverFolder } from '../model/index.ts'
import { PolluxError } from '../util/index.ts'
import { count, decimals } from './format.ts'
import { printJson } from './json.ts'
import { findRun, type Run, runPaths } from './runFolder.ts'
import type { SampleFlags } from './sample.ts'
import { openTerminal, printable } from './terminal.ts'
import { loadWriter, write } from './textSample.ts'
import { resumeCommand } from './trainPlan.ts'

/** Continues the prompt on stdout. */
export async function continueText(flags: SampleFlags): Promise<void> {
  const { prompt, tokens, temperature, topK, topP, seed, kvDtype } = flags
  const run = findRun(flags.out, flags.run)
  const writer = loadWriter(checkpointOf(run, flags.out), flags.weights)
  const terminal = openTerminal(process.stdout)
  // a model may write control characters; a terminal must not obey them
  const shown = terminal.isTerminal ? printable : (text: string) => text
  if (!flags.json) terminal.write(terminal.paint('bold', shown(prompt)))
  // a prompt of several chunks may take a while
  let isTold = false
  const onProgress = (done: number, total: number): void => {
    if (flags.json || (done === total && !isTold)) return
    if (!isTold) terminal.line()
    isTold = true
    terminal.live(terminal.paint('dim', `reading the prompt: ${count(done)} of ${count(total)} tokens`))
  }
  const started = performance.now()
  let text = ''
  let drawn = 0
  for await (const piece of write(writer, { prompt, tokens, temperature, topK, topP, seed, kvDtype, onProgress })) {
    text += piece.text
    drawn = piece.tokens
    if (flags.json) printJson({ event: 'text', text: piece.text, tokens: piece.tokens })
    else terminal.write(shown(piece.text))
  }
  const seconds = (performance.now() - started) / 1000
  const tokensPerSecond = drawn / seconds
  if (flags.json) {
    printJson({ event: 'done', run: run.name, prompt, text, tokens: drawn, seconds, tokensPerSecond })
    return
  }
  terminal.line()
  if (terminal.isTerminal) {
    const speed = `${count(drawn)} tokens in ${decimals(seconds, 1)} s, ${count(tokensPerSecond)} a second`
    terminal.line(terminal.paint('dim', `${run.name}: ${speed}`))
  }
}

function checkpointOf(run: Run, out: string): string {
  const { checkpoint } = runPaths(run.folder)
  recoverFolder(checkpoint)
  if (existsSync(checkpoint)) return checkpoint
  throw new PolluxError(`sample: run "${run.name}" must have a checkpoint, got none in ${run.folder}`, {
    hint: `${resumeCommand(run, out)} trains it to one`,
  })
}
