// What happened: the facts of a request, where its time went, and its trace.

import { call, openWithKey } from "./api.js";
import { $, element, milliseconds, seconds } from "./page.js";

const TRACE_TRIES = 6; // the server closes its books a moment after the last byte
const TRACE_PAUSE_MS = 150;
const SVG = "http://www.w3.org/2000/svg";
const STAGE = "tts.stage.";
const STAGES = ["normalize", "queue", "phonemize", "infer", "decode", "encode", "send"];

export function clearResult() {
  $("result-empty").hidden = true;
  $("result-body").hidden = false;
  for (const id of ["facts", "bars", "trace"]) $(id).replaceChildren();
  for (const id of ["stages", "trace"]) $(id).hidden = true;
}

export function verdict(status, message, refused = false) {
  $("status").textContent = status;
  $("message").textContent = message;
  $("result-body").classList.toggle("refused", refused);
}

/** Shows a fact; a second call replaces its value. */
export function fact(name, value, className = "") {
  if (value === null || value === undefined || value === "") return;
  const row = element("div", "", className);
  row.append(element("dt", name), element("dd", String(value)));
  const before = Array.from($("facts").children).find((each) => each.firstChild.textContent === name);
  if (before) before.replaceWith(row);
  else $("facts").append(row);
}

/** The facts that the answer's headers have. */
export function headerFacts(headers) {
  fact("Words", headers.get("x-tts-word-count-range"));
  fact("Characters", headers.get("x-tts-character-count-range"));
  fact("Provider", headers.get("x-tts-provider"));
  fact("Cache", headers.get("x-tts-cache"));
}

/** Shows the identifiers, the trace if it is kept, and the stages: the trace's, or those that the headers know. */
export async function traceFacts(response, isCurrent) {
  const id = response.headers.get("x-trace-id");
  fact("Request", response.headers.get("x-request-id"), "wide code");
  fact("Trace", id, "wide code");
  const path = `traces/${encodeURIComponent(response.headers.get("x-request-id") ?? "")}`;
  const { status, stages } = id ? await trace(path) : {};
  if (!isCurrent()) return;
  waterfall(stages ?? timings(response.headers.get("server-timing")));
  const line = $("trace");
  line.hidden = !id;
  if (status === 200) {
    const link = element("a", "Open the trace");
    link.href = path;
    link.addEventListener("click", openWithKey);
    line.replaceChildren(link, " to see every span of this request.");
  } else if (status === 401 || status === 403) {
    line.textContent = "Traces need a key with the scope observe.";
  } else {
    line.textContent =
      "The trace of this request was not kept. The server keeps those of errors and of slow requests, and a few of every second.";
  }
}

/** The status of the trace's call, once it is kept, and its stages; 404 if it is not. */
async function trace(path) {
  for (let tries = 0; tries < TRACE_TRIES; tries += 1) {
    if (tries) await new Promise((resolve) => { setTimeout(resolve, TRACE_PAUSE_MS); });
    const answer = await call(path).catch(() => null);
    if (answer && answer.status !== 404) return { status: answer.status, stages: answer.ok ? spanStages(await answer.json()) : null };
  }
  return { status: 404, stages: null };
}

/** The stages of a trace, in milliseconds, as those of the header. */
function spanStages({ spans }) {
  const attributes = spans.find((span) => span.kind === "SERVER")?.attributes ?? {};
  const stages = STAGES.filter((stage) => `${STAGE}${stage}` in attributes).map((stage) => [stage, 1000 * attributes[`${STAGE}${stage}`]]);
  const total = attributes["tts.duration"];
  return total === undefined ? stages : [...stages, ["total", 1000 * total]];
}

/** The stages of a Server-Timing header, in milliseconds: [["queue", 1.5], ...]. */
function timings(header) {
  return (header ?? "").split(",").flatMap((part) => {
    const match = /^\s*([\w-]+)\s*;\s*dur=([\d.]+)/.exec(part);
    return match ? [[match[1], Number(match[2])]] : [];
  });
}

/** One bar a stage, each beginning where the one before ended; totals of a stage, so sentences are added up. */
function waterfall(timed) {
  const stages = timed.filter(([name]) => name !== "total");
  if (!stages.length) return;
  const sum = stages.reduce((all, [, length]) => all + length, 0);
  const total = timed.find(([name]) => name === "total")?.[1] ?? sum;
  let start = 0;
  for (const [name, length] of stages) {
    $("bars").append(bar(name, start, length, Math.max(sum, total) || 1));
    start += length;
  }
  const row = element("li", "", "sum");
  row.append(element("span", "total"), element("span"), element("span", milliseconds(total), "value"));
  $("bars").append(row);
  $("stages").hidden = false;
}

function bar(name, start, length, scale) {
  const row = element("li", "", name);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(SVG, "rect");
  const share = Math.max((100 * length) / scale, 1); // the shortest stage should still be seen
  rect.setAttribute("x", `${Math.min((100 * start) / scale, 100 - share)}%`);
  rect.setAttribute("width", `${share}%`);
  rect.setAttribute("height", "100%");
  svg.append(rect);
  row.append(element("span", name), svg, element("span", milliseconds(length), "value"));
  return row;
}

/** The times that the player has measured. */
export function playbackFacts(playback) {
  if (playback.firstByteSeconds !== null) fact("First byte", seconds(playback.firstByteSeconds));
  if (playback.firstSoundSeconds !== null) fact("First sound", seconds(playback.firstSoundSeconds));
  if (playback.duration) fact("Audio", seconds(playback.duration));
  if (playback.stalls) fact("Stalls", `${playback.stalls}, ${seconds(playback.stallSeconds)}`);
}
