// What test_javascript_sdks.py requests with Deepgram's SDK; prints the results as JSON.
import { DeepgramClient } from "@deepgram/sdk";

const [, , url, text, long] = process.argv;
const address = url.replace("http", "ws");
const environment = { base: url, production: address, agent: address, agentRest: url };
const client = new DeepgramClient({ apiKey: "none", environment, maxRetries: 0 });
const format = { model: "joe", encoding: "linear16", sample_rate: 16000 };

const whole = await client.speak.v1.audio.generate({ text, ...format, container: "none" });
const refusal = await client.speak.v1.audio.generate({ text, model: "nobody" }).catch((error) => error);

const socket = await client.speak.v1.connect(format);
const received = [];
let wake = () => {};
socket.on("message", (message) => {
  received.push(message);
  wake();
});
socket.connect();
await socket.waitForOpen();

/** Returns the audio up to the first message of a type; without one, up to the first audio. */
const until = async (type) => {
  const audio = [];
  while (true) {
    while (received.length === 0) await new Promise((resolve) => (wake = resolve));
    const message = received.shift();
    if (message instanceof Blob) audio.push(Buffer.from(await message.arrayBuffer()));
    if (type === undefined ? audio.length > 0 : message.type === type) return Buffer.concat(audio).toString("base64");
  }
};

for (const word of text.split(" ")) socket.sendText({ type: "Speak", text: `${word} ` });
socket.sendFlush({ type: "Flush" });
const pieces = await until("Flushed");

socket.sendText({ type: "Speak", text: long });
await until();
socket.sendClear({ type: "Clear" });
await until("Cleared");
socket.sendText({ type: "Speak", text });
socket.sendFlush({ type: "Flush" });
const after = await until("Flushed");
socket.close();

console.log(
  JSON.stringify({
    whole: Buffer.from(await whole.arrayBuffer()).toString("base64"),
    pieces,
    after_interruption: after,
    refusal: { name: refusal.constructor.name, status: refusal.statusCode },
  }),
);
