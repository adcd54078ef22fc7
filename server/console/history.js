// What was spoken in this session, to be heard again. It is in this tab's memory alone.

import { $, element, seconds } from "./page.js";

const MOST = 20;

/** Adds what was spoken. `replay` plays it, `reuse` puts its text and choices into the form. */
export function remember({ text, voice, duration, firstSound }, { replay, reuse }) {
  const row = element("li");
  const words = element("p", text, "said");
  words.dir = "auto";
  const about = [voice, seconds(duration), firstSound === null ? "" : `first sound after ${seconds(firstSound)}`];
  const actions = element("p", "", "row-actions");
  actions.append(button("Play again", text, replay), button("Use its text", text, reuse));
  row.append(words, element("p", about.filter(Boolean).join(" · "), "hint"), actions);
  $("history-list").prepend(row);
  while ($("history-list").children.length > MOST) $("history-list").lastChild.remove();
  $("history").hidden = false;
}

function button(label, text, run) {
  const made = element("button", label, "quiet small");
  made.type = "button";
  made.setAttribute("aria-label", `${label}: ${text.slice(0, 60)}`);
  made.addEventListener("click", run);
  return made;
}
