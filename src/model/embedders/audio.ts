// Sound without an encoder, as the Gemma 4 12B hears it: 40 ms become a row of the residual stream by a norm and one map.
//
// A frame is 640 samples of the waveform at 16 kHz, or 4 hops of a log-mel spectrum (docs/decisions/009).
import { Projector, type ProjectorShape } from './projector.ts'

export type AudioEmbedderShape = ProjectorShape

/** A projector that reads frames of sound as they are. */
export class AudioEmbedder extends Projector {}
