// What an engine says when it cannot serve, each a class of its own so that a server can answer with the right status.
import { PolluxError } from '../../util/index.ts'

/** As many requests wait as may: try again later. */
export class EngineFullError extends PolluxError {
  constructor(limit: number) {
    super(`engine: at most ${limit} requests may wait, got one more`, { hint: 'try again later' })
    this.name = 'EngineFullError'
  }
}

/** The engine was closed, before or while the request was served. */
export class EngineClosedError extends PolluxError {
  constructor() {
    super('engine: must be open, got a request after or during close()')
    this.name = 'EngineClosedError'
  }
}

/** The engine failed while it served the request, which is lost; it serves later ones unless it says otherwise. */
export class EngineFailedError extends PolluxError {
  constructor(problem: string, cause?: unknown) {
    super(`engine: ${problem}`, { hint: 'send the request again', cause })
    this.name = 'EngineFailedError'
  }
}
