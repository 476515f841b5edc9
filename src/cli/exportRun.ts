// Runs `pollux export`: finds the checkpoint, writes the file or folder, and says what llama.cpp will do differently.
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { exportGguf, loadModel, patternIsExact, recoverFolder, replaceFolder } from '../model/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { isRecord, PolluxError } from '../util/index.ts'
import type { ExportFlags } from './export.ts'
import { bytes, percent } from './format.ts'
import { printJson } from './json.ts'
import { findRun, readJsonFile, runPaths } from './runFolder.ts'
import { openTerminal } from './terminal.ts'

/** Files of a checkpoint that transformers and vLLM read; the rest is for training to go on. */
const ofModel =
  /^(config|generation_config|tokenizer.*|special_tokens_map|(pre)?processor_config|.*_template.*|model.*)\.\w+$/

/** Writes `target`. */
export async function exportModel(what: string, target: string, flags: ExportFlags): Promise<void> {
  const folder = checkpointOf(what, flags.out)
  if (flags.hf) await exportFolder(folder, target, flags)
  else exportFile(folder, target, basename(what), flags)
}

function checkpointOf(what: string, out: string): string {
  if (existsSync(join(what, 'config.json'))) return what
  const folder = existsSync(join(what, 'run.json')) ? what : findRun(out, what).folder
  const { checkpoint } = runPaths(folder)
  recoverFolder(checkpoint)
  if (existsSync(checkpoint)) return checkpoint
  throw new PolluxError(`export: ${what} must have a checkpoint, got none in ${folder}`, {
    hint: `npx pollux train --resume ${basename(folder)} trains it to one`,
  })
}

function exportFile(folder: string, target: string, name: string, flags: ExportFlags): void {
  if (existsSync(target) && statSync(target).isDirectory()) {
    throw new PolluxError(`export: the target of --gguf must be a file, got the folder ${target}`, {
      hint: `npx pollux export --gguf ${name} ${join(target, `${name}.gguf`)}`,
    })
  }
  const terminal = openTerminal(process.stdout)
  const model = loadModel(folder)
  const tokenizer = existsSync(join(folder, 'tokenizer.json')) ? Tokenizer.load(folder) : undefined
  const chatTemplate = chatTemplateOf(folder, tokenizer)
  const onProgress = (done: number, total: number): void => {
    if (!flags.json) terminal.live(terminal.paint('dim', `writing ${target}: ${percent(done / total)}`))
  }
  exportGguf(model, target, { type: flags.type, name, tokenizer, chatTemplate, onProgress })
  const size = statSync(target).size
  const exact = tokenizer !== undefined && patternIsExact(tokenizer)
  if (flags.json) {
    printJson({
      file: target,
      bytes: size,
      type: flags.type,
      tokenizer: tokenizer !== undefined,
      exactTokenizer: exact,
    })
    return
  }
  terminal.line(`${target}: ${bytes(size)}, matrices as ${flags.type}`)
  const note = (text: string): void => terminal.line(terminal.paint('dim', text))
  if (tokenizer === undefined) note('without a tokenizer: there is no tokenizer.json beside the weights')
  else if (!exact) {
    note(
      'llama.cpp has no split of numbers by two digits: it cuts those of three digits or more otherwise (ids stay valid)',
    )
  }
  if (existsSync(join(folder, 'config.json')) && hasMedia(folder)) note('the text model: media towers stay behind')
}

function hasMedia(folder: string): boolean {
  const config = readJsonFile(join(folder, 'config.json'))
  return isRecord(config) && isRecord(config.text_config)
}

/** The folder's own template; without one, that of the turns which the vocabulary has tokens for. */
function chatTemplateOf(folder: string, tokenizer: Tokenizer | undefined): string | undefined {
  const file = join(folder, 'chat_template.jinja')
  if (existsSync(file)) return readFileSync(file, 'utf8')
  const settings = join(folder, 'tokenizer_config.json')
  if (existsSync(settings)) {
    const config = readJsonFile(settings)
    if (isRecord(config) && typeof config.chat_template === 'string') return config.chat_template
  }
  const hasTurns = ['<bos>', '<|turn>', '<turn|>'].every((token) => tokenizer?.specialTokens.has(token))
  return hasTurns ? turnTemplate : undefined
}

/** Turns as Gemma 4 writes them: who speaks, a line end, what is said. */
const turnTemplate = `{{ bos_token }}{% for message in messages %}{{ '<|turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' }}{% if message['content'] is string %}{{ message['content'] | trim }}{% else %}{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}{% endfor %}{% endif %}{{ '<turn|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|turn>model\\n' }}{% endif %}`

async function exportFolder(folder: string, target: string, flags: ExportFlags): Promise<void> {
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw new PolluxError(`export: the target of --hf must be a new folder, got ${target}, which has files`, {
      hint: 'name another folder',
    })
  }
  const names = readdirSync(folder).filter((name) => ofModel.test(name) && statSync(join(folder, name)).isFile())
  await replaceFolder(target, (aside) => {
    for (const name of names) cpSync(join(folder, name), join(aside, name))
  })
  const size = names.reduce((sum, name) => sum + statSync(join(target, name)).size, 0)
  if (flags.json) printJson({ folder: target, files: names, bytes: size })
  else openTerminal(process.stdout).line(`${target}: ${names.join(', ')} (${bytes(size)})`)
}
