import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../testing/index.ts'
import { recoverFolder, replaceFolder } from './replaceFolder.ts'

const textIn = (folder: string) => readFileSync(join(folder, 'a'), 'utf8')

test('a previous folder that a crash left behind does not stand in the way of the next', async () => {
  using root = tempFolder({ 'kept/a': 'second', 'kept.old/a': 'first', 'kept.new/a': 'cut short' })
  const folder = root.file('kept')
  recoverFolder(folder)
  expect(textIn(folder)).toBe('second')
  for (const text of ['third', 'fourth']) {
    await replaceFolder(folder, (aside) => writeFileSync(join(aside, 'a'), text))
    expect(textIn(folder)).toBe(text)
    expect(readdirSync(root.path)).toEqual(['kept'])
  }
})
