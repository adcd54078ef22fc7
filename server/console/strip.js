// The live strip: what the server says of itself, every few seconds.

import { call } from "./api.js";
import { $, seconds } from "./page.js";

const REFRESH_MS = 5000;

let available = true;

const REFUSALS = {
  401: "The metrics need a key with the scope observe.",
  403: "The metrics need a key with the scope observe.",
  404: "Metrics are switched off on this server.",
};
const DEGRADED = {
  latency: (it) => `is slow: ${it.value.toFixed(1)} times its usual time`,
  success_rate: (it) => `fails often: ${Math.round(100 * it.value)} % succeed`,
  unavailable: () => "can't be asked",
};

export function startStrip() {
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, REFRESH_MS);
  refresh();
}

/** Asks again, although the last key may not have been allowed to. */
export function askAgain() {
  available = true;
  refresh();
}

export async function refresh() {
  if (!available || document.hidden) return;
  const answer = await call("metrics").catch(() => null);
  if (!answer) note("The server does not answer just now.");
  else if (answer.ok) show(await answer.json());
  else {
    available = !(answer.status in REFUSALS);
    note(REFUSALS[answer.status] ?? `The metrics can't be read: ${answer.status}.`);
  }
}

function note(text) {
  $("live").hidden = true;
  $("live-note").hidden = false;
  $("live-note").textContent = text;
}

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
