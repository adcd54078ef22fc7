// The controls of what is played: pause, position, and the words, of which a click goes to each.

import { $, element } from "./page.js";

let playback = null;
let spans = [];
let url = null;

const clock = (value) => `${Math.floor(value / 60)}:${(value % 60).toFixed(1).padStart(4, "0")}`;
const PAUSABLE = new Set(["playing", "stalled"]);

/** Shows the controls of a playback. `text` is what is spoken, as it is written; null if it has markup. */
export function control(next, text) {
  playback = next;
  spans = [];
  $("words").replaceChildren();
  $("words").hidden = true;
  $("player").hidden = false;
  $("download").hidden = true;
  const current = () => playback === next;
  next.addEventListener("state", () => current() && showState());
  next.addEventListener("position", () => current() && showPosition());
  next.addEventListener("words", () => current() && showWords(text));
  if (next.words.length) showWords(text);
  showState();
  showPosition();
}

export function hideControls() {
  playback = null;
  $("player").hidden = true;
  $("words").hidden = true;
}

/** Offers audio as a file. */
export function offer(blob, name) {
  if (url) URL.revokeObjectURL(url);
  url = URL.createObjectURL(blob);
  $("download").href = url;
  $("download").download = name;
  $("download").hidden = false;
}

function showState() {
  const playing = PAUSABLE.has(playback.state);
  $("toggle").textContent = playing ? "Pause" : "Play";
  $("toggle").disabled = !playing && !["paused", "finished"].includes(playback.state);
  $("position").disabled = !playback.duration || ["stopped", "failed"].includes(playback.state);
}

function showPosition() {
  const { position, duration } = playback;
  const slider = $("position");
  slider.max = duration;
  if (!slider.matches(":active")) slider.value = position;
  slider.setAttribute("aria-valuetext", `${position.toFixed(1)} of ${duration.toFixed(1)} seconds`);
  $("time").textContent = `${clock(position)} / ${clock(duration)}`;
  for (const { span, start, end } of spans) {
    span.classList.toggle("spoken", end <= position);
    span.classList.toggle("current", start <= position && position < end);
  }
}

/** Shows the words, with what stands between them where the text has no markup. */
function showWords(text) {
  spans = [];
  const line = [];
  let rest = text;
  for (const { word, start, end } of playback.words) {
    const at = rest?.indexOf(word) ?? -1;
    if (line.length || at > 0) line.push(at < 0 ? " " : rest.slice(0, at));
    if (at >= 0) rest = rest.slice(at + word.length);
    const span = element("span", word);
    span.addEventListener("click", () => playback.seek(start));
    spans.push({ span, start, end });
    line.push(span);
  }
  if (playback.complete && rest) line.push(rest);
  $("words").replaceChildren(...line);
  $("words").hidden = false;
}

export function startTransport() {
  $("toggle").addEventListener("click", () => (PAUSABLE.has(playback.state) ? playback.pause() : playback.resume()));
  $("position").addEventListener("input", () => playback.seek(Number($("position").value)));
}
