// The voices and their languages.

import { call } from "./api.js";
import { $ } from "./page.js";

const DEFAULT_RATE = 22050;

let voices = new Map();

/** The sample rate of the chosen voice, in Hz. */
export const sampleRate = () => voices.get($("voice").value)?.sample_rate ?? DEFAULT_RATE;

export function showLanguages() {
  options($("language"), [...(voices.get($("voice").value)?.languages ?? []), "auto"]);
}

export async function loadVoices() {
  try {
    const answer = await call("v1/audio/voices");
    if (answer.status === 401) {
      $("busy").textContent = "Enter an API key to speak.";
      return;
    }
    $("busy").textContent = "";
    voices = new Map((await answer.json()).voices.map((voice) => [voice.id, voice]));
  } catch {
    $("busy").textContent = "The list of voices can't be read; the default voice will speak.";
  }
  options($("voice"), [...voices.keys()]);
  showLanguages();
}

function options(select, values) {
  select.replaceChildren(...values.map((value) => new Option(value, value)));
}
