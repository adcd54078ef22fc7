// What test_javascript_sdks.py requests with ElevenLabs' SDK; prints the results as JSON.
import { ElevenLabsClient } from "@elevenlabs/elevenlabs-js";

const [, , url, text, long] = process.argv;
const client = new ElevenLabsClient({ apiKey: "none", baseUrl: `${url}/elevenlabs`, maxRetries: 0 });
const outputFormat = "pcm_16000";

const read = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("base64");
};

const whole = await read(await client.textToSpeech.convert("joe", { text, outputFormat }));
const timed = await client.textToSpeech.convertWithTimestamps("joe", { text, outputFormat });
const { voices } = await client.voices.getAll();
const refusal = await client.textToSpeech.convert("nobody", { text }).catch((error) => error);

const interruption = new AbortController();
const options = { abortSignal: interruption.signal };
const stopped = (await client.textToSpeech.stream("joe", { text: long, outputFormat }, options)).getReader();
const { value: first } = await stopped.read();
interruption.abort();
const aborted = await stopped.read().catch((error) => error);
const after = await read(await client.textToSpeech.stream("joe", { text, outputFormat }));

console.log(
  JSON.stringify({
    whole,
    alignment: timed.alignment,
    timed: timed.audioBase64,
    first: first.length,
    aborted: aborted.name,
    after_interruption: after,
    voices: voices.map(({ voiceId }) => voiceId),
    refusal: { name: refusal.constructor.name, status: refusal.statusCode },
  }),
);
