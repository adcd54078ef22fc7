// What test_javascript_sdks.py requests with Cartesia's SDK; prints the results as JSON.
import { createRequire } from "node:module";

// In Node 20 the SDK's ES module finds no WebSocket; its CommonJS module finds the package ws.
const { default: Cartesia } = createRequire(import.meta.url)("@cartesia/cartesia-js");

const [, , url, text, long] = process.argv;
const client = new Cartesia({ apiKey: "none", baseURL: `${url}/cartesia`, maxRetries: 0 });
const speech = {
  model_id: "sonic-3",
  voice: { mode: "id", id: "joe" },
  output_format: { container: "raw", encoding: "pcm_s16le", sample_rate: 16000 },
  language: "en",
};

const base64 = (events) =>
  Buffer.concat(events.filter(({ type }) => type === "chunk").map(({ audio }) => Buffer.from(audio))).toString("base64");

const wordsOf = (events) =>
  events
    .filter(({ type }) => type === "timestamps")
    .flatMap(({ word_timestamps: { words, start, end } }) => words.map((word, at) => [word, start[at], end[at]]));

const whole = await client.tts.generate({ ...speech, transcript: text });
const voices = [];
for await (const voice of client.voices.list()) voices.push(voice.id);
const refusal = await client.tts.generate({ ...speech, voice: "nobody", transcript: text }).catch((error) => error);

const socket = await client.tts.websocket();

const spoken = socket.context({ ...speech, add_timestamps: true });
for (const word of text.split(" ")) await spoken.push({ transcript: `${word} ` });
await spoken.no_more_inputs();
const events = [];
for await (const event of spoken.receive()) events.push(event);

const stopped = socket.context(speech);
await stopped.push({ transcript: long });
for await (const event of stopped.receive()) if (event.type === "chunk") break;
await stopped.cancel();
const next = socket.context(speech);
await next.send({ transcript: text, continue: false });
const nextEvents = [];
for await (const event of next.receive()) nextEvents.push(event);
socket.close();

console.log(
  JSON.stringify({
    whole: Buffer.from(await whole.arrayBuffer()).toString("base64"),
    pieces: base64(events),
    words: wordsOf(events),
    after_interruption: base64(nextEvents),
    voices,
    refusal: { name: refusal.constructor.name, status: refusal.status },
  }),
);
