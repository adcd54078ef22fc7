// The console: speaks what is typed, plays it while it arrives, and shows where its time went.

import { Player } from "../player.js";
import { askForKey, call, keyHeaders, hasKey, openWithKey, takeKey } from "./api.js";
import { remember } from "./history.js";
import { $, seconds } from "./page.js";
import { count, showReading } from "./reading.js";
import { clearResult, fact, headerFacts, playbackFacts, traceFacts, verdict } from "./result.js";
import { askAgain, refresh, startStrip } from "./strip.js";
import { control, hideControls, offer, startTransport } from "./transport.js";
import { loadVoices, sampleRate, showLanguages } from "./voices.js";

const STREAMED = "wav"; // the other formats are decoded by the browser once they are whole
const STATES = {
  waiting: "Waiting for the first sound…",
  playing: "Speaking…",
  stalled: "Waiting for more audio…",
  paused: "Paused.",
};

const player = new Player();
const untimed = new Set(); // voices that can't tell when each word is spoken
let current = null;

/** What the form asks for. */
function choices() {
  const body = { text: $("text").value, speed: Number($("speed").value), response_format: $("format").value, input_type: $("input-type").value };
  if ($("voice").value) body.voice_name = $("voice").value;
  if ($("language").value) body.language = $("language").value;
  return body;
}

/** The body of a request: streamed where the player can play a stream, and with the times of words. */
function request() {
  const body = choices();
  if (body.response_format === STREAMED) body.stream = true;
  if (!untimed.has(body.voice_name)) body.timestamps = true;
  return body;
}

function speak(clickedAt) {
  const body = request();
  const playback = player.play(body, { headers: keyHeaders(), sampleRate: sampleRate(), clickedAt });
  current = playback;
  clearResult();
  verdict("…", "", false);
  control(playback, body.input_type === "text" ? body.text : null);
  follow(playback, body, clickedAt);
}

/** Shows what happens to a request, as long as it is the newest. */
function follow(playback, body, clickedAt) {
  const isCurrent = () => current === playback;
  const on = (type, show) => playback.addEventListener(type, () => isCurrent() && show());
  setBusy(playback);
  on("state", () => setBusy(playback));
  on("response", () => playback.response.ok && headerFacts(playback.response.headers));
  for (const type of ["firstbyte", "sound", "state"]) on(type, () => playbackFacts(playback));
  on("sound", () => verdict(`${playback.response.status} OK`, soundText(playback)));
  on("complete", () => completed(playback, body, (performance.now() - clickedAt) / 1000));
  on("state", () => {
    if (playback.state === "refused") refused(playback, body, clickedAt, isCurrent);
    else if (playback.state === "failed") failed(playback, body);
    else if (playback.state === "stopped") stopped(playback, body);
  });
  playback.ended.then(() => refresh());
}

function soundText({ firstSoundSeconds: sound, firstByteSeconds: byte }) {
  return `First sound ${seconds(sound)} after the click, ${seconds(sound - byte)} after the server's first byte.`;
}

/** All audio has arrived, and is perhaps still being played. */
async function completed(playback, body, total) {
  playbackFacts(playback);
  fact("Total", seconds(total));
  fact("Real time factor", (total / playback.duration).toFixed(3));
  keep(playback, body);
  await traceFacts(playback.response, () => current === playback);
}

/** Offers the audio as a file, and remembers it. */
function keep(playback, body) {
  const blob = playback.blob();
  const name = `${body.voice_name ?? "speech"}.${body.response_format}`;
  const text = body.input_type === "text" ? body.text : null;
  offer(blob, name);
  const { duration, firstSoundSeconds: firstSound, words } = playback;
  remember({ text: body.text, voice: body.voice_name ?? "", duration, firstSound }, {
    replay: () => {
      current = player.replay(blob, { words, sampleRate: sampleRate() });
      current.addEventListener("state", (event) => event.target === current && setBusy(current));
      control(current, text);
      offer(blob, name);
    },
    reuse: () => {
      for (const [id, value] of [["text", body.text], ["voice", body.voice_name], ["input-type", body.input_type]]) $(id).value = value ?? "";
      showLanguages();
      $("language").value = body.language ?? "";
      $("text").focus();
      count(choices);
    },
  });
}

async function refused(playback, body, clickedAt, isCurrent) {
  const { response, error } = playback;
  if (error.code === "unsupported_by_voice" && body.timestamps) {
    untimed.add(body.voice_name);
    speak(clickedAt);
    return;
  }
  if (response.status === 401) askForKey(error.message);
  hideControls();
  verdict(String(response.status), error.message ?? "", true);
  fact("Field", error.param);
  fact("Error", error.code, "wide code");
  await traceFacts(response, isCurrent);
}

function failed(playback, body) {
  if (playback.duration) keep(playback, body);
  else hideControls();
  const event = playback.duration ? `broke off after ${seconds(playback.duration)} of audio` : "can't be reached, or broke off";
  verdict("failed", `The server ${event}: ${playback.error?.message ?? "no reason is known"}.`, true);
}

function stopped(playback, body) {
  verdict("stopped", `You stopped it after ${seconds(playback.position)}.`, true);
  if (playback.duration && !playback.complete) keep(playback, body);
}

function setBusy(playback) {
  const busy = playback.state in STATES;
  $("stop").hidden = !busy;
  $("busy").textContent = STATES[playback.state] ?? "";
}

function useKey(options) {
  if (!takeKey(options)) return;
  askAgain();
  loadVoices();
}

// ---- wiring

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey();
  speak(event.timeStamp);
});
$("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    $("form").requestSubmit();
  }
});
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey({ empty: true });
});
$("read").addEventListener("click", () => {
  useKey();
  showReading(choices);
});
$("stop").addEventListener("click", () => current?.stop());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") current?.stop();
});
for (const link of document.querySelectorAll("nav a[data-key]")) link.addEventListener("click", openWithKey);
if (hasKey()) $("key-form").hidden = false;
for (const id of ["text", "voice", "language", "input-type"]) $(id).addEventListener("input", () => count(choices));
$("voice").addEventListener("change", showLanguages);
$("speed").addEventListener("input", () => {
  $("speed-value").textContent = `${Number($("speed").value).toFixed(2)}×`;
});
startTransport();
startStrip();
loadVoices().then(() => count(choices));
