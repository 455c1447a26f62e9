// Elements and words. All text becomes text nodes and attributes, never markup.
import { PHRASES } from "./phrases.js";

/** Make an element; properties that begin with "on" are listeners, `style` is a table of CSS. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") {
      for (const [key, text] of Object.entries(value)) made.style.setProperty(key, text);
    } else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A name or a key as it was given: isolated, so that no other words turn round with it. */
export function given(text, kind = "name") {
  return el("bdi", { class: kind, dir: "auto" }, text);
}

/** The nodes of a phrase; strings among the values are isolated, numbers get separators. */
export function say(key, values = {}) {
  return parts(key, values, (value) => (typeof value === "string" ? given(value) : value));
}

/** A phrase as plain text, for attributes; strings among the values are isolated. */
export function words(key, values = {}) {
  return parts(key, values, (value) => `\u2068${value}\u2069`).join("");
}

function parts(key, values, shown) {
  let phrase = PHRASES[key];
  if (phrase === undefined) throw new Error(`no phrase ${key}`);
  if (Array.isArray(phrase)) phrase = phrase[values.n === 1 ? 0 : 1];
  return phrase
    .split(/\{(\w+)\}/)
    .map((part, at) => (at % 2 ? one(values[part], shown) : part))
    .filter((part) => part !== "");
}

function one(value, shown) {
  return typeof value === "number" ? value.toLocaleString("en") : shown(value);
}

/** A button that acts, with the key that does the same. */
export function action(key, phrase, act, properties = {}) {
  return el(
    "button",
    { type: "button", class: "action", onclick: act, "aria-keyshortcuts": ARIA[key] ?? key, ...properties },
    el("span", {}, say(phrase)),
    el("kbd", { "aria-hidden": "true" }, key),
  );
}

const ARIA = { "↓": "ArrowDown", Space: "Space", "Shift+Enter": "Shift+Enter", "?": "Shift+?" };

/** Whether an element takes letters. */
export function takesText(target) {
  return target instanceof HTMLElement && target.matches("input, textarea, select");
}

/** Percentages of a box in a photo, as CSS. */
export function placed(box, width, height) {
  const [x, y, w, h] = box;
  const share = (value, of) => `${(100 * value) / of}%`;
  return { left: share(x, width), top: share(y, height), width: share(w, width), height: share(h, height) };
}

/** A similarity with two decimals and a true minus sign, as the report writes it. */
export function score(value) {
  return value.toFixed(2).replace("-", "−");
}

/** A probability; one that is nearly 1 is "> 99 %". */
export function percent(value) {
  const rounded = Math.round(100 * value);
  if (rounded >= 100) return "> 99 %";
  return rounded === 0 && value > 0 ? "< 1 %" : `${rounded} %`;
}
