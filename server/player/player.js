// Plays ttscope's speech while it arrives, and reports what the listener heard.
// The module is loaded twice: by a page, and by the page's audio thread, where it registers the worklet's processor.

const PROCESSOR = "ttscope-player";
const REPORT_PATH = "v1/telemetry/playback";
const STATE_FRAMES = 1024; // frames between two messages about the state: 46 ms at 22,050 Hz
const CHECK_MS = 40; // between two looks at what is scheduled, without an audio thread
const LEAD_SECONDS = 0.02; // from scheduling audio to its start
const PCM_RATE = 24000; // of response_format pcm, unless the request names another
const PCM16 = 1; // the WAV format code of integers

// ---- the audio thread

if (typeof registerProcessor === "function") {
  /** Plays samples in order, and silence while there are none. It keeps all of them, so that a listener can go back. */
  class PlayerProcessor extends AudioWorkletProcessor {
    constructor({ processorOptions: { bufferFrames } }) {
      super();
      this.bufferFrames = bufferFrames;
      this.chunks = [];
      this.starts = []; // the first frame of each chunk
      this.received = 0;
      this.position = 0;
      this.complete = false;
      this.playing = false;
      this.sounded = false;
      this.finished = false;
      this.stalls = 0;
      this.silence = 0;
      this.before = null; // silence and time when the stall began that has not ended
      this.unreported = 0;
      this.port.onmessage = ({ data }) => this.take(data);
    }

    take({ samples, complete, frame }) {
      if (samples) {
        this.chunks.push(samples);
        this.starts.push(this.received);
        this.received += samples.length;
      }
      this.complete ||= Boolean(complete);
      if (frame !== undefined) {
        this.position = Math.min(Math.max(frame, 0), this.received);
        this.finished = false;
        this.tell("state", currentFrame);
      }
    }

    process(_, [[output]]) {
      const waiting = this.received - this.position;
      if (!this.playing && !this.finished && (this.complete || waiting >= Math.max(this.bufferFrames, 1))) this.begin(waiting);
      const played = this.playing ? this.copy(output) : 0;
      if (this.playing && played < output.length) {
        this.playing = false;
        this.finished = this.complete;
        if (!this.finished) this.stalls += 1;
        this.before = this.finished ? null : { silence: this.silence, frame: currentFrame + played };
        this.tell(this.finished ? "finish" : "stall", currentFrame + played);
      }
      if (this.sounded && !this.finished) this.silence += output.length - played;
      this.unreported += output.length;
      if (this.unreported >= STATE_FRAMES) this.tell("state", currentFrame);
      return true;
    }

    /** Begins to play, or goes on after a stall. What ended where nothing followed was the end, and no stall. */
    begin(waiting) {
      const { before } = this;
      this.before = null;
      if (!waiting && before) {
        this.finished = true;
        this.stalls -= 1;
        this.silence = before.silence;
        this.tell("finish", before.frame);
        return;
      }
      this.playing = true;
      if (waiting) this.tell(this.sounded ? "resume" : "sound", currentFrame);
      this.sounded ||= waiting > 0;
    }

    /** Fills the output as far as there are samples; returns how many frames that were. */
    copy(output) {
      let filled = 0;
      let index = this.chunkAt(this.position);
      while (filled < output.length && index < this.chunks.length) {
        const offset = this.position - this.starts[index];
        const piece = this.chunks[index].subarray(offset, offset + output.length - filled);
        output.set(piece, filled);
        filled += piece.length;
        this.position += piece.length;
        index += 1;
      }
      return filled;
    }

    /** The chunk that has a frame, by bisection. */
    chunkAt(frame) {
      let low = 0;
      let high = this.chunks.length;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (this.starts[middle] <= frame) low = middle;
        else high = middle;
      }
      return low;
    }

    /** Sends the state, which began at a frame of the context. */
    tell(type, frame) {
      this.unreported = 0;
      const { position, stalls, silence } = this;
      this.port.postMessage({ type, time: frame / sampleRate, position, stalls, silence });
    }
  }
  registerProcessor(PROCESSOR, PlayerProcessor);
}

// ---- what arrives

/** The samples of 16-bit little-endian bytes, which may end in the middle of one. */
class PcmReader {
  constructor(rate) {
    this.rate = rate;
    this.rest = new Uint8Array();
  }

  read(bytes) {
    const all = joined([this.rest, bytes]);
    const count = all.length >> 1;
    const view = new DataView(all.buffer, all.byteOffset, 2 * count);
    this.rest = all.slice(2 * count);
    const samples = new Float32Array(count);
    for (let index = 0; index < count; index += 1) samples[index] = view.getInt16(2 * index, true) / 32768;
    return samples;
  }
}

/** The samples of a WAV stream of one channel; `rate` is null before its header has arrived. */
class WavReader {
  rate = null;
  head = new Uint8Array();
  pcm = null;

  read(bytes) {
    if (this.pcm) return this.pcm.read(bytes);
    this.head = joined([this.head, bytes]);
    const start = this.readHead();
    if (start === null) return new Float32Array();
    this.pcm = new PcmReader(this.rate);
    return this.pcm.read(this.head.subarray(start));
  }

  /** The position of the first sample; null until the header is complete. */
  readHead() {
    const view = new DataView(this.head.buffer, this.head.byteOffset, this.head.length);
    const text = (at) => String.fromCharCode(...this.head.subarray(at, at + 4));
    if (view.byteLength >= 12 && (text(0) !== "RIFF" || text(8) !== "WAVE")) throw new TypeError("this is no WAV file");
    for (let at = 12; at + 8 <= view.byteLength; at += 8 + view.getUint32(at + 4, true)) {
      if (text(at) === "data") return at + 8;
      if (text(at) === "fmt " && at + 24 <= view.byteLength) {
        const [code, channels, bits] = [8, 10, 22].map((field) => view.getUint16(at + field, true));
        if (code !== PCM16 || channels !== 1 || bits !== 16) throw new TypeError("only WAV of 16-bit samples can be played");
        this.rate = view.getUint32(at + 12, true);
      }
    }
    return null;
  }
}

/** The data of server-sent events, as the JSON that ours are. */
class EventReader {
  decoder = new TextDecoder();
  text = "";

  read(bytes) {
    this.text += this.decoder.decode(bytes, { stream: true });
    const events = this.text.split("\n\n");
    this.text = events.pop();
    return events.filter((event) => event.startsWith("data: ")).map((event) => JSON.parse(event.slice(6)));
  }
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const wordsOf = (timestamps) => (timestamps ?? []).map(({ word, start_time: start, end_time: end }) => ({ word, start, end }));
const hexadecimal = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// ---- what plays

/** Plays by the audio thread. */
class WorkletOutput {
  constructor(context, bufferSeconds, tell) {
    const processorOptions = { bufferFrames: Math.round(bufferSeconds * context.sampleRate) };
    this.node = new AudioWorkletNode(context, PROCESSOR, { numberOfInputs: 0, outputChannelCount: [1], processorOptions });
    this.node.port.onmessage = ({ data }) => tell(data);
    this.node.connect(context.destination);
  }

  push(samples) { this.node.port.postMessage({ samples }, [samples.buffer]); }
  complete() { this.node.port.postMessage({ complete: true }); }
  seek(frame) { this.node.port.postMessage({ frame }); }
  close() {
    this.node.port.onmessage = null;
    this.node.disconnect();
  }
}

/** Plays each chunk by a node of its own: without https or localhost, browsers have no audio thread for pages. */
class ScheduledOutput {
  constructor(context, bufferSeconds, tell) {
    Object.assign(this, { context, tell, bufferFrames: bufferSeconds * context.sampleRate });
    Object.assign(this, { chunks: [], pending: 0, received: 0, whole: false, stalls: 0, silence: 0 });
    this.sources = new Set();
    this.end = null; // the context's time at which everything scheduled will have been played; null before
    this.state = "waiting"; // then playing, stalled, finished
    this.timer = setInterval(() => this.check(), CHECK_MS);
  }

  push(samples) {
    this.chunks.push({ samples, start: this.received });
    this.received += samples.length;
    this.schedule();
  }

  complete() {
    this.whole = true;
    this.schedule();
  }

  seek(frame) {
    for (const source of this.sources) source.stop();
    this.sources.clear();
    this.pending = Math.max(0, this.chunks.findLastIndex(({ start }) => start <= frame));
    this.end = this.context.currentTime;
    this.state = "resumed";
    this.schedule(frame);
  }

  /** Schedules what is there, from a frame on; after a pause once enough is there. */
  schedule(from = 0) {
    const { currentTime, sampleRate } = this.context;
    this.check();
    const waiting = this.received - (this.chunks[this.pending]?.start ?? this.received);
    if (this.state !== "playing" && !(waiting && (this.whole || waiting >= this.bufferFrames))) return;
    if (this.state !== "playing") {
      const begin = currentTime + LEAD_SECONDS;
      if (this.state === "stalled") this.silence += (begin - this.end) * sampleRate;
      this.end = begin;
      this.send(this.state === "waiting" ? "sound" : "resume", begin);
      this.state = "playing";
    }
    for (const { samples, start } of this.chunks.slice(this.pending)) this.start(samples.subarray(Math.max(0, from - start)));
    this.pending = this.chunks.length;
  }

  start(samples) {
    if (!samples.length) return;
    const buffer = this.context.createBuffer(1, samples.length, this.context.sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    source.onended = () => this.sources.delete(source);
    source.start(this.end);
    this.sources.add(source);
    this.end += buffer.duration;
  }

  /** Notices the end of what is scheduled. */
  check() {
    if (this.state === "playing" && this.context.currentTime >= this.end) {
      this.state = this.whole ? "finished" : "stalled";
      if (!this.whole) this.stalls += 1;
      this.send(this.whole ? "finish" : "stall", this.end);
    } else if (this.state === "stalled" && this.whole && this.pending === this.chunks.length) {
      this.state = "finished"; // nothing followed: it was the end, and no stall
      this.stalls -= 1;
      this.send("finish", this.end);
    } else if (this.state !== "waiting") {
      this.send("state", this.context.currentTime);
    }
  }

  send(type, time) {
    const left = Math.max(0, this.end - this.context.currentTime) * this.context.sampleRate;
    const scheduled = this.chunks[this.pending]?.start ?? this.received;
    const position = Math.max(0, Math.round(scheduled - left));
    this.tell({ type, time, position, stalls: this.stalls, silence: this.silence });
  }

  close() {
    clearInterval(this.timer);
    for (const source of this.sources) source.stop();
  }
}

/** Plays one answer at a time. Create it once for a page, and call `play` when the listener clicks. */
export class Player {
  #context = null;
  #modules = new WeakMap();
  #current = null;

  constructor({ base = document.baseURI, bufferSeconds = 0.1, report = true, trace = true, workletUrl = import.meta.url } = {}) {
    Object.assign(this, { base, bufferSeconds, report, trace, workletUrl });
    addEventListener("pagehide", () => this.#current?.stop());
  }

  /** Sends a request, by default to POST /tts, and plays the answer. It must be called by what the listener does. */
  play(body, { path = "tts", headers = {}, sampleRate = 22050, clickedAt = performance.now() } = {}) {
    return this.#begin(new Playback(this, clickedAt, sampleRate), (playback) => playback.request(path, body, headers));
  }

  /** Plays audio that is there already. Nothing is reported. */
  replay(blob, { words = [], sampleRate = 22050 } = {}) {
    return this.#begin(new Playback(this, performance.now(), sampleRate), (playback) => playback.replay(blob, words));
  }

  #begin(playback, run) {
    this.#current?.close();
    this.#current = playback;
    this.open(playback.rate).catch(() => {}); // its failure is the playback's, which opens it as well
    run(playback);
    return playback;
  }

  /** The context of a sample rate, with the processor. The browser converts to what its device needs. */
  async open(rate) {
    if (this.#context?.sampleRate !== rate) {
      this.#context?.close();
      this.#context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    }
    const context = this.#context;
    const running = context.resume();
    if (context.audioWorklet && !this.#modules.has(context)) {
      this.#modules.set(context, context.audioWorklet.addModule(this.workletUrl));
    }
    await this.#modules.get(context);
    await Promise.race([running, new Promise((resolve) => { setTimeout(resolve, 1000); })]); // it may need a click
    return context;
  }
}

/** One answer as it is played: events tell what happens, promises what came of it. */
class Playback extends EventTarget {
  state = "waiting"; // then playing, stalled, paused; at the end finished, stopped, failed or refused
  position = 0; // seconds of the audio
  duration = 0; // seconds of audio that have arrived
  complete = false; // whether all of it has
  words = [];
  error = null;
  response = null;
  firstByteSeconds = null;
  firstSoundSeconds = null;
  stalls = 0;
  stallSeconds = 0;

  #player;
  #clickedAt;
  #abort = new AbortController();
  #output = null;
  #context = null;
  #bytes = [];
  #headers = {};
  #requestSeconds = 0;
  #clickSpan = false;
  #broken = false;
  #over = false;
  #settle;

  constructor(player, clickedAt, rate) {
    super();
    this.#player = player;
    this.#clickedAt = clickedAt;
    this.rate = rate;
    /** Resolves to the report once playback has ended; null if there is nothing to report. */
    this.ended = new Promise((resolve) => { this.#settle = resolve; });
    /** Resolves to whether the server has taken the report. */
    this.reported = this.ended.then((report) => this.#send(report));
  }

  async request(path, body, headers) {
    try {
      await this.#answer(path, body, headers);
    } catch (error) {
      this.#fail(error);
    }
  }

  async replay(blob, words) {
    try {
      this.words = words;
      this.#bytes = [new Uint8Array(await blob.arrayBuffer())];
      this.type = blob.type;
      await this.#decode();
      await this.#end();
    } catch (error) {
      this.#fail(error);
    }
  }

  pause() {
    if (this.#context?.state !== "running") return;
    this.#context.suspend();
    this.#become("paused");
  }

  /** Goes on after a pause; after the end, from the beginning. */
  resume() {
    if (this.state === "finished") this.seek(0);
    this.#context?.resume();
    if (this.state === "paused") this.#become("playing");
  }

  /** Goes to a position in seconds, within what has arrived. */
  seek(seconds) {
    if (!this.#output) return;
    this.#output.seek(Math.round(seconds * this.rate));
    if (this.state === "finished") this.#become("playing");
  }

  /** Ends playback and the request, so that the server stops speaking. */
  stop() {
    this.#finish("stopped");
    this.close();
  }

  /** Ends playback for good, and lets its audio go. */
  close() {
    this.#finish("stopped");
    this.#abort.abort();
    this.#output?.close();
    this.#output = null;
  }

  /** The audio that has arrived, as a file. */
  blob() {
    const bytes = joined(this.#bytes);
    if (this.type === "audio/wav" && bytes.length >= 44) { // a stream's header does not know its length
      const view = new DataView(bytes.buffer);
      view.setUint32(4, bytes.length - 8, true);
      if (view.getUint32(36, false) === 0x64617461) view.setUint32(40, bytes.length - 44, true); // "data"
    }
    return new Blob([bytes], { type: this.type });
  }

  // -- the request

  async #answer(path, body, headers) {
    this.#headers = headers; // the report needs the same key
    const sent = { "content-type": "application/json", ...headers };
    if (this.#player.trace && !("traceparent" in sent)) {
      sent.traceparent = `00-${hexadecimal(16)}-${hexadecimal(8)}-01`;
      this.#clickSpan = true;
    }
    this.#requestSeconds = this.#elapsed();
    const url = new URL(path, this.#player.base);
    const answer = await fetch(url, { method: "POST", headers: sent, body: JSON.stringify(body), signal: this.#abort.signal });
    this.response = answer;
    this.#emit("response");
    const [type] = (answer.headers.get("content-type") ?? "").split(";");
    if (!answer.ok) {
      this.error = (await answer.json().catch(() => null))?.error ?? { message: answer.statusText };
      this.#over = true;
      this.#become("refused");
      this.#settle(null);
      return;
    }
    await this.#receive(answer.body.getReader(), type, body);
    await this.#end();
  }

  async #receive(stream, type, body) {
    const events = type === "text/event-stream" ? new EventReader() : null;
    this.type = events ? { wav: "audio/wav", pcm: "audio/pcm" }[body.response_format ?? "wav"] ?? "" : type;
    const reader = this.#reader(body);
    try {
      for (;;) {
        const { done, value } = await stream.read();
        if (done) break;
        const pieces = events ? events.read(value).map((event) => this.#event(event)) : [value];
        for (const bytes of pieces) await this.#add(bytes, reader);
      }
    } catch (error) {
      if (this.#over || !this.duration) throw error;
      this.#broken = true; // what has arrived is played
      this.error = { message: error.message };
    }
    if (type === "application/json") this.#captions();
    if (!reader) await this.#decode();
  }

  #reader(body) {
    const known = (body.encoding ?? "pcm_s16le") === "pcm_s16le";
    if (this.type === "audio/wav" && known) return new WavReader();
    return this.type === "audio/pcm" && known ? new PcmReader(body.sample_rate ?? PCM_RATE) : null;
  }

  /** The audio of an event. Throws the server's error. */
  #event({ type, audio, timestamps, error }) {
    if (type === "speech.audio.error") throw new Error(error.message);
    this.#addWords(timestamps);
    return audio ? bytesOf(audio) : new Uint8Array();
  }

  async #add(bytes, reader) {
    if (!bytes.length) return;
    if (this.firstByteSeconds === null) {
      this.firstByteSeconds = this.#elapsed();
      this.#emit("firstbyte");
    }
    this.#bytes.push(bytes);
    const samples = reader?.read(bytes);
    if (samples?.length) await this.#play(samples, reader.rate);
  }

  /** Takes whole speech with the times of its words, which is JSON. */
  #captions() {
    const { audio, audio_format: format, timestamps } = JSON.parse(new TextDecoder().decode(joined(this.#bytes)));
    this.#bytes = [bytesOf(audio)];
    this.type = format === "wav" ? "audio/wav" : `audio/${format}`;
    this.#addWords(timestamps);
  }

  #addWords(timestamps) {
    const words = wordsOf(timestamps);
    this.words.push(...words);
    if (words.length) this.#emit("words");
  }

  /** Decodes what the browser knows: MP3, Opus, AAC, FLAC and whole WAV. */
  async #decode() {
    const context = await this.#player.open(this.rate);
    const decoded = await context.decodeAudioData(joined(this.#bytes).buffer);
    await this.#play(decoded.getChannelData(0).slice(), this.rate);
  }

  async #play(samples, rate) {
    this.duration += samples.length / rate;
    if (!this.#output) {
      this.rate = rate;
      this.#context = await this.#player.open(rate);
      if (this.#over) return;
      const Output = this.#context.audioWorklet ? WorkletOutput : ScheduledOutput;
      this.#output = new Output(this.#context, this.#player.bufferSeconds, (message) => this.#take(message));
    }
    this.#output.push(samples);
  }

  async #end() {
    if (this.#over) return;
    if (!this.#output) throw new Error("the answer has no audio");
    this.#output.complete();
    if (this.#broken) return;
    this.complete = true;
    this.#emit("complete");
  }

  // -- the audio thread's messages

  #take({ type, time, position, stalls, silence }) {
    this.position = position / this.rate;
    if (!this.#over) Object.assign(this, { stalls, stallSeconds: silence / this.rate });
    if (type === "sound") {
      this.firstSoundSeconds = Math.max(this.#heardAt(time), this.firstByteSeconds ?? 0);
      this.#become("playing");
      this.#emit("sound");
    } else if (type === "stall" || type === "resume") {
      this.#become(type === "stall" ? "stalled" : "playing");
    } else if (type === "finish") {
      this.#finish(this.#broken ? "failed" : "finished", this.#heardAt(time));
      this.#become(this.#broken ? "failed" : "finished");
    }
    this.#emit("position");
  }

  /** When a frame of the context's time reaches the listener, in seconds from the click. */
  #heardAt(time) {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp?.() ?? {};
    const { currentTime, outputLatency, baseLatency } = this.#context;
    const rendered = performance.now() + 1000 * (time - currentTime);
    const output = contextTime > 0 && performanceTime > 0
      ? performanceTime + 1000 * (time - contextTime) // soon after a start it may be older than the frame itself
      : rendered + 1000 * (outputLatency || baseLatency || 0);
    return Math.max(0, (Math.max(output, rendered) - this.#clickedAt) / 1000);
  }

  // -- the end

  #fail(error) {
    if (this.#over) return;
    this.error ??= { message: error.message };
    this.#finish("failed");
    this.#become("failed");
  }

  #finish(end, endSeconds = this.#elapsed()) {
    if (this.#over) return;
    this.#over = true;
    if (end === "stopped") this.#become("stopped");
    const first = this.firstSoundSeconds;
    const last = Math.max(endSeconds, first ?? 0, this.firstByteSeconds ?? 0, this.#requestSeconds);
    const stall = first === null ? 0 : rounded(Math.min(this.stallSeconds, last - first));
    this.#settle(this.response && {
      request_id: this.response.headers.get("x-request-id"),
      end,
      request_seconds: rounded(this.#requestSeconds),
      first_byte_seconds: rounded(this.firstByteSeconds),
      first_sound_seconds: rounded(first),
      end_seconds: rounded(last),
      stalls: stall ? this.stalls : 0,
      stall_seconds: this.stalls ? stall : 0,
      position_seconds: rounded(first === null ? 0 : this.position),
      click_span: this.#clickSpan,
    });
  }

  async #send(report) {
    if (!this.#player.report || !report?.request_id) return false;
    const url = new URL(REPORT_PATH, this.#player.base);
    const headers = { "content-type": "application/json", ...this.#headers };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(report), keepalive: true }).catch(() => null);
    return answer?.ok ?? false;
  }

  #elapsed() { return Math.max(0, (performance.now() - this.#clickedAt) / 1000); }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#emit("state");
  }

  #emit(type) { this.dispatchEvent(new Event(type)); }
}

const rounded = (seconds) => (seconds === null ? null : Math.round(seconds * 1e4) / 1e4);
