// Calls of the server, with the API key if there is one. Paths are relative to the page, which may be behind a prefix.

import { $ } from "./page.js";

const KEY = "ttscope-api-key"; // in the session's storage: this tab alone has it, and no URL
const REFUSED = "The key is refused.";

export const hasKey = () => sessionStorage.getItem(KEY) !== null;

/** The headers that a request needs. */
export function keyHeaders() {
  const key = sessionStorage.getItem(KEY);
  return key ? { authorization: `Bearer ${key}` } : {};
}

/** Calls the server. */
export async function call(path, { headers = {}, ...more } = {}) {
  const answer = await fetch(path, { ...more, headers: { ...headers, ...keyHeaders() } });
  if (answer.status === 401) askForKey((await answer.clone().json().catch(() => null))?.error?.message);
  return answer;
}

export function post(path, body) {
  const headers = { "content-type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
}

/** Shows where to enter a key; `reason` is why the one in use is refused. */
export function askForKey(reason) {
  $("key-form").hidden = false;
  if (hasKey()) $("key-hint").textContent = reason ?? REFUSED;
}

/** Uses the key that was entered, even if nobody has pressed its button; returns whether there was one. */
export function takeKey({ empty = false } = {}) {
  const key = $("key").value.trim();
  if (!key && !empty) return false;
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
  $("key").value = "";
  $("key-hint").textContent = key ? "The key is in use, in this tab alone." : "No key is in use.";
  return true;
}

/** Opens what a link shows, which needs the key as a header: no link can send one. */
export async function openWithKey(event) {
  if (!hasKey()) return;
  event.preventDefault();
  const page = window.open("", "_blank");
  const answer = await call(event.currentTarget.getAttribute("href")).catch(() => null);
  const url = URL.createObjectURL(new Blob([answer ? await answer.text() : "no answer"], { type: "application/json" }));
  if (page) page.location = url;
}
