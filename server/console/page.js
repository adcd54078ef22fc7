// Elements of the page. Whatever comes from a person or from the server becomes text, never markup.

export const $ = (id) => document.getElementById(id);

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

export function hinted(text, title, className) {
  const made = element("span", text, className);
  made.title = title;
  made.tabIndex = 0;
  return made;
}

export const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`);
export const milliseconds = (value) => (value < 10 ? `${value.toFixed(1)} ms` : seconds(value / 1000));
