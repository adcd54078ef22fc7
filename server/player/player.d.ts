/** A word and its time in the audio, in seconds. */
export interface Word {
  word: string;
  start: number;
  end: number;
}

/** The body of POST /v1/telemetry/playback. Seconds are from the listener's click. */
export interface PlaybackReport {
  request_id: string | null;
  end: "finished" | "stopped" | "failed";
  request_seconds: number;
  first_byte_seconds: number | null;
  first_sound_seconds: number | null;
  end_seconds: number;
  stalls: number;
  stall_seconds: number;
  position_seconds: number;
  click_span: boolean;
}

export type PlaybackState =
  | "waiting"
  | "playing"
  | "stalled"
  | "paused"
  | "finished"
  | "stopped"
  | "failed"
  | "refused";

/** The events are `response`, `firstbyte`, `sound`, `state`, `position`, `words` and `complete`. */
export interface Playback extends EventTarget {
  readonly state: PlaybackState;
  /** Seconds of the audio that have been played. */
  readonly position: number;
  /** Seconds of audio that have arrived. */
  readonly duration: number;
  /** Whether all audio has arrived. */
  readonly complete: boolean;
  /** The words of the audio so far, if the request has `timestamps`. */
  readonly words: Word[];
  /** The server's error, or what went wrong here. */
  readonly error: { message: string; [field: string]: unknown } | null;
  readonly response: Response | null;
  readonly firstByteSeconds: number | null;
  readonly firstSoundSeconds: number | null;
  readonly stalls: number;
  readonly stallSeconds: number;
  /** Resolves once playback has ended; to null if there was no answer. */
  readonly ended: Promise<PlaybackReport | null>;
  /** Resolves to whether the server has taken the report. */
  readonly reported: Promise<boolean>;
  pause(): void;
  resume(): void;
  /** Goes to a position in seconds, within what has arrived. */
  seek(seconds: number): void;
  /** Ends playback and the request, so that the server stops speaking. */
  stop(): void;
  /** The audio that has arrived, as a file. */
  blob(): Blob;
}

export interface PlayerOptions {
  /** The server's address; by default that of the page. */
  base?: string | URL;
  /** Seconds of audio that must be there before playback begins, and goes on after a stall; 0.1 by default. */
  bufferSeconds?: number;
  /** Whether what was heard is reported to the server; true by default. */
  report?: boolean;
  /** Whether a trace begins with the click; true by default, unless `headers` have a `traceparent`. */
  trace?: boolean;
  /** The address of this module for the audio thread, if a bundler has moved it. */
  workletUrl?: string | URL;
}

export interface PlayOptions {
  /** The path of the call; `tts` by default. */
  path?: string;
  headers?: Record<string, string>;
  /** The sample rate that the audio probably has; 22050 by default. Another one costs a few milliseconds. */
  sampleRate?: number;
  /** When the listener clicked, such as `event.timeStamp`; by default now. */
  clickedAt?: number;
}

export class Player {
  constructor(options?: PlayerOptions);
  /** Sends a request and plays the answer. It must be called by what the listener does. */
  play(body: Record<string, unknown>, options?: PlayOptions): Playback;
  /** Plays audio that is there already; nothing is reported. */
  replay(blob: Blob, options?: { words?: Word[]; sampleRate?: number }): Playback;
}
