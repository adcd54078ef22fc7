// What test_openai_sdk.py asks of OpenAI's own SDK for JavaScript; prints what it found as JSON.
import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const [, , task, baseURL, file] = process.argv;
const speech = { model: "gpt-4o-mini-tts", voice: "alloy", input: "Hello there. How are you?", response_format: "mp3" };

const tasks = {
  /** The whole answer, into a file. */
  async whole() {
    const answer = await new OpenAI({ baseURL, apiKey: "none" }).audio.speech.create(speech);
    await writeFile(file, Buffer.from(await answer.arrayBuffer()));
    return { type: answer.headers.get("content-type"), ignored: answer.headers.get("x-tts-ignored") };
  },

  /** The answer as it comes. */
  async stream() {
    const answer = await new OpenAI({ baseURL, apiKey: "none" }).audio.speech.create({ ...speech, instructions: "Whisper." });
    const parts = [];
    for await (const part of answer.body) parts.push(part);
    await writeFile(file, Buffer.concat(parts));
    return { parts: parts.length, ignored: answer.headers.get("x-tts-ignored") };
  },

  /** Refused once for want of room, and asked again. */
  async retry() {
    const seen = [];
    const fetch_ = async (...call) => {
      const answer = await fetch(...call);
      seen.push({ status: answer.status, after: answer.headers.get("retry-after"), at: performance.now() });
      return answer;
    };
    const answer = await new OpenAI({ baseURL, apiKey: "none", fetch: fetch_ }).audio.speech.create(speech);
    await answer.arrayBuffer();
    return { seen };
  },

  /** Broken off after its first audio; the argument is the text. */
  async interrupted() {
    const interruption = new AbortController();
    const request = { ...speech, input: file, response_format: "pcm" };
    const { signal } = interruption;
    const answer = await new OpenAI({ baseURL, apiKey: "none" }).audio.speech.create(request, { signal });
    const reader = answer.body.getReader();
    const { value } = await reader.read();
    interruption.abort();
    const aborted = await reader.read().then(() => false, () => true);
    return { first: value.length, aborted };
  },

  /** What is wrong is an error of the SDK's own kind. */
  async refused() {
    try {
      await new OpenAI({ baseURL, apiKey: "none" }).audio.speech.create({ ...speech, voice: "nobody" });
    } catch (error) {
      return { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
    }
    return {};
  },

  async models() {
    const found = [];
    for await (const model of new OpenAI({ baseURL, apiKey: "none" }).models.list()) found.push(model.id);
    return { found };
  },
};

console.log(JSON.stringify(await tasks[task]()));
