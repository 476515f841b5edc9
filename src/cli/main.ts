// The entry of the command line: runs the program, prints failures, sets the exit code.
import { CommanderError } from 'commander'
import { printError } from './errors.ts'
import { buildProgram } from './program.ts'
import { exitCodes } from './usage.ts'

// A reader that goes away (`| head`) is no reason to lose a run: what it no longer reads is dropped.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await buildProgram().parseAsync()
} catch (error) {
  // commander has printed its message already; its exit code is 0 after --help and --version
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage
  else process.exitCode = printError(error)
}
