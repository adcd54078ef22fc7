// The console: sends what is typed to POST /tts, plays the answer, and shows where its time went.
// Whatever comes from a person or from the server is put into the page as text, never as markup.

const REFRESH_MS = 5000;
const TRACE_TRIES = 4; // the server closes its books a moment after the last byte
const TRACE_PAUSE_MS = 150;
const SVG = "http://www.w3.org/2000/svg";

const $ = (id) => document.getElementById(id);

let languages = new Map();
let running = null;
let audioUrl = null;

// ---- the API key

const KEY = "ttscope-api-key"; // in the session's storage: this tab alone has it, and no URL

/** Calls the server with the key, if there is one; shows where to enter one if it is needed. */
async function call(path, { headers = {}, ...more } = {}) {
  const key = sessionStorage.getItem(KEY);
  const answer = await fetch(path, { ...more, headers: key ? { ...headers, authorization: `Bearer ${key}` } : headers });
  if (answer.status === 401) {
    $("key-form").hidden = false;
    if (key) $("key-hint").textContent = (await answer.clone().json().catch(() => null))?.error?.message ?? "The key is refused.";
  }
  return answer;
}

function useKey() {
  const key = $("key").value.trim();
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
  $("key").value = "";
  $("key-hint").textContent = key ? "The key is in use, in this tab alone." : "No key is in use.";
  metrics = true;
  loadVoices();
  refresh();
}

/** A key that was entered counts, even if nobody has pressed its button. */
function useEnteredKey() {
  if ($("key").value.trim()) useKey();
}

/** Opens what a link shows, which needs the key as a header: no link can send one. */
async function openWithKey(event) {
  if (!sessionStorage.getItem(KEY)) return;
  event.preventDefault();
  const page = window.open("", "_blank");
  const answer = await call(event.currentTarget.getAttribute("href")).catch(() => null);
  const url = URL.createObjectURL(new Blob([answer ? await answer.text() : "no answer"], { type: "application/json" }));
  if (page) page.location = url;
}

// ---- showing things

const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`);
const milliseconds = (value) => (value < 10 ? `${value.toFixed(1)} ms` : seconds(value / 1000));

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

function fact(name, value, className = "") {
  if (value === null || value === undefined || value === "") return;
  const row = element("div", "", className);
  row.append(element("dt", name), element("dd", String(value)));
  $("facts").append(row);
}

function clearResult() {
  $("result-empty").hidden = true;
  $("result-body").hidden = false;
  for (const id of ["facts", "bars", "trace"]) $(id).replaceChildren();
  for (const id of ["stages", "trace"]) $(id).hidden = true;
}

function verdict(status, message, refused) {
  $("status").textContent = status;
  $("message").textContent = message;
  $("result-body").classList.toggle("refused", refused);
}

/** The stages of a Server-Timing header, in milliseconds: [["queue", 1.5], ...]. */
function timings(header) {
  return (header ?? "").split(",").flatMap((part) => {
    const match = /^\s*([\w-]+)\s*;\s*dur=([\d.]+)/.exec(part);
    return match ? [[match[1], Number(match[2])]] : [];
  });
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

/** One bar a stage, each beginning where the one before ended; totals of a stage, so sentences are added up. */
function waterfall(header) {
  const found = timings(header);
  const stages = found.filter(([name]) => name !== "total");
  if (!stages.length) return;
  const sum = stages.reduce((all, [, length]) => all + length, 0);
  const total = found.find(([name]) => name === "total")?.[1] ?? sum;
  let start = 0;
  for (const [name, length] of stages) {
    $("bars").append(bar(name, start, length, Math.max(sum, total) || 1));
    start += length;
  }
  const row = element("li", "", "sum");
  row.append(element("span", "total"), element("span", ""), element("span", milliseconds(total), "value"));
  $("bars").append(row);
  $("stages").hidden = false;
}

// ---- speaking

function request() {
  const body = { text: $("text").value, speed: Number($("speed").value), response_format: $("format").value, input_type: $("input-type").value };
  if ($("voice").value) body.voice_name = $("voice").value;
  if ($("language").value) body.language = $("language").value;
  return body;
}

/** Sends the request and reads the answer, noting when its first byte and its last byte came. */
async function ask(signal) {
  const start = performance.now();
  const response = await call("/tts", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request()),
    signal,
  });
  const reader = response.body.getReader();
  const parts = [];
  let first = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    first ??= (performance.now() - start) / 1000;
    parts.push(value);
  }
  const total = (performance.now() - start) / 1000;
  return { response, blob: new Blob(parts, { type: response.headers.get("content-type") ?? "" }), first, total };
}

/** Puts the audio into the player; resolves to its length in seconds, null if the browser can't tell. */
function load(blob) {
  const audio = $("audio");
  if (audioUrl) URL.revokeObjectURL(audioUrl);
  audioUrl = URL.createObjectURL(blob);
  const known = new Promise((resolve) => {
    audio.onloadedmetadata = () => resolve(Number.isFinite(audio.duration) ? audio.duration : null);
    audio.onerror = () => resolve(null);
  });
  audio.src = audioUrl;
  $("download").href = audioUrl;
  $("download").download = `${$("voice").value || "speech"}.${$("format").value}`;
  $("player").hidden = false;
  return known;
}

async function spoken({ response, blob, first, total }) {
  const length = await load(blob);
  verdict(`${response.status} OK`, "Spoken.", false);
  fact("First byte", seconds(first));
  fact("Total", seconds(total));
  fact("Audio", length === null ? "unknown" : seconds(length));
  fact("Real time factor", length ? (total / length).toFixed(3) : null);
  fact("Words", response.headers.get("x-tts-word-count-range"));
  fact("Characters", response.headers.get("x-tts-character-count-range"));
  fact("Provider", response.headers.get("x-tts-provider"));
  fact("Cache", response.headers.get("x-tts-cache"));
  waterfall(response.headers.get("server-timing"));
  $("audio").play().catch(() => {}); // a browser may want another click first; the player is there for it
}

async function refused({ response, blob, total }) {
  $("player").hidden = true; // what it holds is the speech of an earlier request
  let error = {};
  try {
    error = JSON.parse(await blob.text()).error ?? {};
  } catch {
    // not our server's words: a proxy's, perhaps
  }
  verdict(String(response.status), error.message ?? response.statusText, true);
  fact("Total", seconds(total));
  fact("Field", error.param);
  fact("Error", error.code, "wide code");
}

async function trace(response) {
  const id = response.headers.get("x-trace-id");
  fact("Request", response.headers.get("x-request-id"), "wide code");
  fact("Trace", id, "wide code");
  if (!id) return;
  const path = `/traces/${encodeURIComponent(id)}`;
  const line = $("trace");
  const current = running;
  const status = await traceStatus(path);
  if (running !== current) return;
  if (status === 200) {
    const link = element("a", "Open the trace");
    link.href = path;
    link.addEventListener("click", openWithKey);
    line.append(link, " to see every span of this request.");
  } else if (status === 401 || status === 403) {
    line.textContent = "Traces need a key with the scope observe.";
  } else {
    line.textContent =
      "The trace of this request was not kept. The server keeps those of errors and of slow requests, and a few of every second.";
  }
  line.hidden = false;
}

/** The status of the trace's call, once it is kept; 404 if it is not. */
async function traceStatus(path) {
  for (let tries = 0; tries < TRACE_TRIES; tries += 1) {
    if (tries) await new Promise((resolve) => setTimeout(resolve, TRACE_PAUSE_MS));
    const answer = await call(path).catch(() => null);
    if (answer && answer.status !== 404) return answer.status;
  }
  return 404;
}

function setBusy(busy) {
  $("speak").disabled = busy;
  $("stop").hidden = !busy;
  $("busy").textContent = busy ? "Speaking…" : "";
}

async function speak() {
  if ($("speak").disabled) return;
  const mine = new AbortController();
  running = mine;
  $("audio").pause();
  setBusy(true);
  try {
    const answer = await ask(mine.signal);
    clearResult();
    await (answer.response.ok ? spoken(answer) : refused(answer));
    setBusy(false);
    await trace(answer.response);
  } catch (error) {
    clearResult();
    if (mine.signal.aborted) verdict("stopped", "You stopped it.", true);
    else verdict("no answer", `The server can't be reached, or broke off: ${error.message}.`, true);
  } finally {
    if (running === mine) setBusy(false);
    refresh();
  }
}

// ---- reading

/** A stretch or a skipped part as text; what is read otherwise than it is written says how when pointed at. */
function stretch({ written, spoken, rule, reason }) {
  if (reason) return hinted(written, `not spoken: ${reason}`, "skipped");
  return rule === null ? document.createTextNode(written) : hinted(written, spoken || "not spoken", "changed");
}

function hinted(text, title, className) {
  const made = element("span", text, className);
  made.title = title;
  made.tabIndex = 0;
  return made;
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
    const count = waiting.findIndex((it) => it.start >= start);
    return waiting.splice(0, count < 0 ? waiting.length : count);
  };
  const sentences = reading.sentences.map(({ stretches }) =>
    stretches.flatMap((it) => [...(it.start === null ? [] : before(it.start)), it]));
  sentences.at(-1)?.push(...waiting);
  return sentences.map((stretches) => {
    const line = element("p", "");
    line.append(...stretches.flatMap((it) => [stretch(it), " "]));
    return line;
  });
}

function post(path, body) {
  return call(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  }).catch(() => null);
}

async function read() {
  const body = request();
  const [answer, dry] = await Promise.all([post("/v1/text/read", body), post("/tts", { ...body, dry_run: true })]);
  const result = await answer?.json().catch(() => null);
  const forecast = dry?.ok ? await dry.json().catch(() => null) : null;
  if ($("text").value !== body.text) return; // it was changed meanwhile
  const lines = answer?.ok
    ? [...paragraphs(result, body.text), element("p", counts(result) + (forecast ? forecastText(forecast) : ""), "hint")]
    : [element("p", result?.error?.message ?? "The server can't be reached.", "hint")];
  $("reading").replaceChildren(...lines);
  $("reading").hidden = false;
}

function counts(reading) {
  return `${reading.words} words, ${reading.characters} characters, about ${reading.estimated_seconds.toFixed(1)} s. ` +
    "Point at an underlined word to see how it is spoken.";
}

/** How long it would take to speak it now, as a sentence. */
function forecastText({ admitted, retry_after: wait, duration_seconds: { p50, p95 } }) {
  if (!admitted) return wait === null ? " It would be refused now." : ` It would be refused now; try again in ${wait} s.`;
  return ` Spoken now, it should be ready in ${seconds(p50)}, at most ${seconds(p95)} in 95 of 100 cases.`;
}

// ---- voices

function options(select, values) {
  select.replaceChildren(...values.map((value) => new Option(value, value)));
}

function showLanguages() {
  options($("language"), [...(languages.get($("voice").value) ?? []), "auto"]);
}

async function loadVoices() {
  try {
    const answer = await call("/v1/audio/voices");
    if (answer.status === 401) {
      $("busy").textContent = "Enter an API key to speak.";
      return;
    }
    const { voices } = await answer.json();
    $("busy").textContent = "";
    languages = new Map(voices.map((voice) => [voice.id, voice.languages]));
  } catch {
    $("busy").textContent = "The list of voices can't be read; the default voice will speak.";
  }
  options($("voice"), [...languages.keys()]);
  showLanguages();
}

// ---- the live strip

let metrics = true;

async function refresh() {
  if (!metrics || document.hidden) return;
  let answer;
  try {
    answer = await call("/metrics");
  } catch {
    note("The server does not answer just now.");
    return;
  }
  if (answer.status === 404) {
    metrics = false;
    note("Metrics are switched off on this server.");
    return;
  }
  if (answer.status === 401 || answer.status === 403) {
    metrics = false;
    note("The metrics need a key with the scope observe.");
    return;
  }
  if (!answer.ok) {
    note(`The metrics can't be read: ${answer.status}.`);
    return;
  }
  show(await answer.json());
}

function note(text) {
  $("live").hidden = true;
  $("live-note").hidden = false;
  $("live-note").textContent = text;
}

const DEGRADED = {
  latency: (it) => `is slow: ${it.value.toFixed(1)} times its usual time`,
  success_rate: (it) => `fails often: ${Math.round(100 * it.value)} % succeed`,
  unavailable: () => "can't be asked",
};

/** An episode of the watch as a sentence. */
function degraded(it) {
  return `${it.provider} ${DEGRADED[it.kind](it)}, for ${seconds(it.since_seconds)}.`;
}

function show(summary) {
  const average = summary.average_duration_seconds;
  $("live-requests").textContent = summary.total_requests.toLocaleString();
  $("live-minute").textContent = summary.requests_per_minute.toLocaleString();
  $("live-average").textContent = average === null ? "–" : seconds(average);
  $("live-voices").textContent = summary.active_voices.toLocaleString();
  $("live-note").hidden = !summary.degraded.length;
  $("live-note").textContent = summary.degraded.map(degraded).join(" ");
  $("live").hidden = false;
}

// ---- wiring

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  useEnteredKey();
  speak();
});
$("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    $("form").requestSubmit();
  }
});
$("read").addEventListener("click", () => {
  useEnteredKey();
  read();
});
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey();
});
for (const link of document.querySelectorAll("nav a:not([href='/docs'])")) link.addEventListener("click", openWithKey);
if (sessionStorage.getItem(KEY)) $("key-form").hidden = false;
for (const id of ["text", "voice", "language", "input-type"]) {
  $(id).addEventListener("input", () => { $("reading").hidden = true; });
}
$("stop").addEventListener("click", () => running?.abort());
$("voice").addEventListener("change", showLanguages);
$("speed").addEventListener("input", () => {
  $("speed-value").textContent = `${Number($("speed").value).toFixed(2)}×`;
});
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, REFRESH_MS);
loadVoices();
refresh();
