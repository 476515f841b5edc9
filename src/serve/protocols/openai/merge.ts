// Several streams as one, in the order in which things come.

/**
 * Events of all sources with the index of each; ends when all have ended. An error of one, or leaving the loop, aborts `stop`
 * and closes the others.
 */
export async function* merge<T>(
  sources: readonly AsyncIterable<T>[],
  stop: AbortController,
): AsyncGenerator<{ index: number; event: T }> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]())
  const next = (index: number) => {
    const promise = iterators[index].next().then((result) => ({ index, result }))
    // it may fail while nobody waits; the next race tells
    promise.catch(() => undefined)
    return promise
  }
  const waiting = new Map(iterators.map((_, index) => [index, next(index)]))
  try {
    while (waiting.size > 0) {
      const { index, result } = await Promise.race(waiting.values())
      if (result.done) waiting.delete(index)
      else {
        waiting.set(index, next(index))
        yield { index, event: result.value }
      }
    }
  } finally {
    if (waiting.size > 0) {
      stop.abort(new DOMException('The other answers are not wanted.', 'AbortError'))
      await Promise.allSettled(waiting.values())
      await Promise.allSettled(iterators.map((iterator) => iterator.return?.()))
    }
  }
}
