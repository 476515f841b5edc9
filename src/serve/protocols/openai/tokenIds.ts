// Texts that may also come as the ids of their tokens: prompts of completions, and what is embedded. Harnesses that measure models
// count tokens themselves, and send what they counted.
import { checkLength, type Fields, invalidValue, wrongType } from './fields.ts'

/**
 * A text, a list of texts, the ids of one text, or a list of such ids. Ids are taken as they stand, special tokens included.
 * @throws OpenAiError naming the item at fault
 */
export function readTexts(body: Fields, name: string, max: number): (string | Int32Array)[] {
  const value = body.required(name, body.get(name))
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value)) throw wrongType(name, 'a string, or an array of strings or of token ids', value)
  if (value.length === 0) throw invalidValue(name, 'expected at least one text.')
  if (typeof value[0] === 'number') return [readIds(value, name)]
  checkLength(value, name, max)
  if (Array.isArray(value[0])) return value.map((ids, i) => readIds(ids, `${name}[${i}]`))
  return body.strings(name, max)!
}

function readIds(value: unknown, field: string): Int32Array {
  if (!Array.isArray(value)) throw wrongType(field, 'an array of token ids', value)
  if (value.length === 0) throw invalidValue(field, 'expected at least one token id.')
  const wrong = value.findIndex((id) => !Number.isInteger(id) || id < 0 || id > 2 ** 31 - 1)
  if (wrong >= 0) throw wrongType(`${field}[${wrong}]`, 'a token id', value[wrong])
  return Int32Array.from(value as number[])
}
