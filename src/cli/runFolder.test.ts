import { cpSync } from 'node:fs'
import { expect, test } from 'vitest'
import { tempFolder } from '../testing/index.ts'
import { checkOut, findRun, listRuns, type RunRequest } from './runFolder.ts'

const record = (name: string, day: number): string =>
  JSON.stringify({ pollux: '0', name, createdAt: `2026-03-0${day}T00:00:00Z`, request: {} as RunRequest })

test('a copied run is a run of its own, under the name of its folder', () => {
  using out = tempFolder({ 'big/run.json': record('big', 1), 'new/run.json': record('new', 2) })
  cpSync(out.file('big'), out.file('big-backup'), { recursive: true })
  expect(listRuns(out.path).map(({ name }) => name)).toEqual(['new', 'big', 'big-backup'])
  for (const name of ['big', 'big-backup']) {
    expect(findRun(out.path, name)).toMatchObject({ name, folder: out.file(name), record: { name } })
  }
  expect(findRun(out.path, undefined).name).toBe('new')
})

test('folders that hold no run are passed over', () => {
  using out = tempFolder({
    'good/run.json': record('good', 1),
    'empty/notes.txt': '',
    'broken/run.json': '{',
    'null/run.json': 'null',
    'dateless/run.json': '{"name":"dateless","request":{}}',
    'aimless/run.json': '{"name":"aimless","createdAt":"2026-03-01","request":null}',
    'file.txt': '',
  })
  expect(listRuns(out.path).map(({ name }) => name)).toEqual(['good'])
})

test('the place of runs is checked without making it', () => {
  using folder = tempFolder({ 'a.txt': 'a' })
  checkOut(folder.file('deep/er'))
  for (const name of ['a.txt', 'a.txt/runs']) {
    expect(() => checkOut(folder.file(name))).toThrow(
      `--out: must be a folder that can be written, got ${folder.file(name)} (ENOTDIR)`,
    )
  }
  expect(listRuns(folder.file('deep'))).toEqual([])
})
