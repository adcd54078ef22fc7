// How the server reads the text: its words and characters while it is typed, and each stretch with its rule.

import { post } from "./api.js";
import { $, element, hinted, seconds } from "./page.js";

const PAUSE_MS = 600; // after the last key, so that a sentence is a call or two
const LIMITED_MS = 10_000;

let timer = 0;
let newest = 0;

/** Counts what is typed, once the person pauses. `request` returns the body of the request for speech. */
export function count(request) {
  clearTimeout(timer);
  timer = setTimeout(() => read(request), PAUSE_MS);
}

/** Shows how the text is read, and how long speaking it would take now. */
export async function showReading(request) {
  clearTimeout(timer);
  $("reading").hidden = false;
  await read(request, true);
}

async function read(request, forecast = false) {
  const body = request();
  newest += 1;
  const number = newest;
  if (!body.text.trim()) {
    say("", []);
    return;
  }
  const asked = [post("v1/text/read", body), forecast ? post("tts", { ...body, stream: false, timestamps: false, dry_run: true }) : null];
  const [answer, dry] = await Promise.all(asked);
  const result = await answer?.json().catch(() => null);
  const expected = dry?.ok ? forecastText(await dry.json()) : "";
  if (number !== newest) return; // the text was changed meanwhile
  if (answer?.status === 429) {
    timer = setTimeout(() => read(request), LIMITED_MS);
    return;
  }
  if (answer?.ok) say(counts(result), [...paragraphs(result, body.text), element("p", hint(expected), "hint")]);
  else say("", [element("p", result?.error?.message ?? "The server can't be reached.", "hint")]);
}

function say(text, lines) {
  $("counts").textContent = text;
  $("reading-body").replaceChildren(...lines);
}

function counts(reading) {
  const words = `${reading.words} words (${reading.word_count_range})`;
  const characters = `${reading.characters} characters (${reading.character_count_range})`;
  return `${words}, ${characters}, about ${reading.estimated_seconds.toFixed(1)} s`;
}

const hint = (expected) => `Point at an underlined word to see how it is spoken, and by which rule.${expected}`;

/** How long it would take to speak it now, as a sentence. */
function forecastText({ admitted, retry_after: wait, duration_seconds: { p50, p95 } }) {
  if (!admitted) return wait === null ? " It would be refused now." : ` It would be refused now; try again in ${wait} s.`;
  return ` Spoken now, it should be ready in ${seconds(p50)}, at most ${seconds(p95)} in 95 of 100 cases.`;
}

/** A stretch or a skipped part as text; what is read otherwise than it is written says how, and why. */
function stretch({ written, spoken, rule, reason }) {
  if (reason) return hinted(written, `not spoken: ${reason}`, "skipped");
  if (rule === null) return document.createTextNode(written);
  return hinted(written, `${spoken || "not spoken"} (${rule})`, "changed");
}

/** What is skipped, as stretches; positions count code points. */
function skipped(reading, text) {
  const characters = Array.from(text);
  return reading.skipped.map((it) => ({ ...it, written: characters.slice(it.start, it.stop).join("") }));
}

/** One paragraph for each sentence, and in it, where it stands, what is skipped. */
function paragraphs(reading, text) {
  const waiting = skipped(reading, text);
  const before = (start) => {
    const number = waiting.findIndex((it) => it.start >= start);
    return waiting.splice(0, number < 0 ? waiting.length : number);
  };
  const sentences = reading.sentences.map(({ stretches }) =>
    stretches.flatMap((it) => [...(it.start === null ? [] : before(it.start)), it]));
  sentences.at(-1)?.push(...waiting);
  return sentences.map((stretches) => {
    const line = element("p");
    line.dir = "auto";
    line.append(...stretches.flatMap((it) => [stretch(it), " "]));
    return line;
  });
}
