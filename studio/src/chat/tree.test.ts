import { describe, expect, it } from 'vitest'
import {
  addMessage,
  childrenOf,
  emptyTree,
  type Message,
  pathOf,
  pathTo,
  removeBranch,
  showSibling,
  siblingsOf,
  titleOf,
  type Tree,
} from './tree.ts'

let clock = 0
const message = (id: string, parent: string | null, role: 'user' | 'model' = 'user'): Message => ({
  ...{ id, parent, role },
  parts: [{ text: id }],
  createdAt: ++clock,
})
const build = (...messages: Message[]): Tree => messages.reduce(addMessage, emptyTree)
const shown = (tree: Tree) => pathOf(tree).map(({ id }) => id)

describe('tree', () => {
  const tree = build(
    message('q1', null),
    message('a1', 'q1', 'model'),
    message('q2', 'a1'),
    message('a2', 'q2', 'model'),
    message('a3', 'q2', 'model'),
  )

  it('shows the last message added at every fork', () => {
    expect(shown(tree)).toEqual(['q1', 'a1', 'q2', 'a3'])
  })

  it('walks between versions, stops at the ends, and remembers what was shown further on', () => {
    const back = showSibling(tree, 'a3', -1)
    expect(shown(back)).toEqual(['q1', 'a1', 'q2', 'a2'])
    expect(shown(showSibling(back, 'a2', -1))).toEqual(['q1', 'a1', 'q2', 'a2'])
    const edited = addMessage(back, message('q1b', null))
    expect(shown(edited)).toEqual(['q1b'])
    expect(shown(showSibling(edited, 'q1b', -1))).toEqual(['q1', 'a1', 'q2', 'a2'])
  })

  it('knows the versions of a message, oldest first', () => {
    const { siblings, index } = siblingsOf(tree, 'a3')
    expect([siblings.map(({ id }) => id), index]).toEqual([['a2', 'a3'], 1])
    expect(childrenOf(tree, null).map(({ id }) => id)).toEqual(['q1'])
  })

  it('gives the path to any message, shown or not', () => {
    expect(pathTo(tree, 'a2').map(({ id }) => id)).toEqual(['q1', 'a1', 'q2', 'a2'])
    expect(pathTo(tree, null)).toEqual([])
  })

  it('removes a message with what follows, and nothing else', () => {
    const cut = removeBranch(tree, 'q2')
    expect(shown(cut)).toEqual(['q1', 'a1'])
    expect(Object.keys(cut.messages).sort()).toEqual(['a1', 'q1'])
    expect(shown(removeBranch(tree, 'a3'))).toEqual(['q1', 'a1', 'q2', 'a2'])
    expect(removeBranch(tree, 'q1')).toEqual(emptyTree)
  })

  it('leaves the tree it was given as it was', () => {
    const before = structuredClone(tree)
    showSibling(tree, 'a3', -1)
    removeBranch(tree, 'q1')
    addMessage(tree, message('x', 'a3'))
    expect(tree).toEqual(before)
  })

  it('stays a tree under any order of adding, showing and removing', () => {
    let state = 1
    const random = (n: number) => (state = (state * 48271) % 2147483647) % n
    let grown = emptyTree
    for (let i = 0; i < 300; i++) {
      const ids = Object.keys(grown.messages)
      const any = ids[random(Math.max(1, ids.length))]
      const choice = random(10)
      if (ids.length === 0 || choice < 7)
        grown = addMessage(grown, message(`m${i}`, choice === 0 || ids.length === 0 ? null : any))
      else if (choice < 9) grown = showSibling(grown, any, random(5) - 2)
      else grown = removeBranch(grown, any)
      for (const { parent } of Object.values(grown.messages))
        expect(parent === null || parent in grown.messages).toBe(true)
      const path = pathOf(grown)
      expect(path).toEqual(pathTo(grown, path.at(-1)?.id ?? null))
      expect(path.length === 0).toBe(Object.keys(grown.messages).length === 0)
    }
  })

  it('names a conversation by its beginning', () => {
    expect(titleOf(emptyTree)).toBe('New conversation')
    const long = { ...message('x', null), parts: [{ text: `  Tell me\nabout ${'words '.repeat(20)}` }] }
    const title = titleOf(build(long))
    expect(title.startsWith('Tell me about words')).toBe(true)
    expect(title.length).toBeLessThanOrEqual(48)
  })
})
