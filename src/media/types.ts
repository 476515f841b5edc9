// What decoded media are: arrays of numbers with their measures, and nothing of files or models.

/** A picture: 8-bit RGB, row-major, `height * width * 3` bytes. */
export interface Picture {
  width: number
  height: number
  data: Uint8Array
}

/** A mono sound: samples in [-1, 1] at `rate` Hz. */
export interface Sound {
  rate: number
  samples: Float32Array
}

/** A video: frames in order of time, and its sound if it has one. */
export interface Clip {
  /** `time` in seconds from the start. */
  frames: { time: number; picture: Picture }[]
  sound?: Sound
  /** Seconds. */
  duration: number
}
