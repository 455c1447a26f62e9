// Keys: one listener; the topmost table that knows a key acts on it.
import { takesText } from "./dom.js";

const tables = [];
const REPEATING = /Arrow|Page|Home|End|\+|-|=/;

/**
 * Add a table of keys: {page: {...}, field: {...}, always: {...}, other(event, name)}.
 *
 * `field` acts where a field has the focus, `page` elsewhere, `always` in both. An act that
 * returns false leaves the key to the browser. A table with `alone` hides those below it.
 * Returns a function that takes the table away.
 */
export function bind(table) {
  tables.push(table);
  return () => tables.splice(tables.indexOf(table), 1);
}

/** The name of a pressed key: "x", "Shift+Enter", "Alt+m". */
export function nameOf(event) {
  let key = event.key;
  if (/^[\p{L}]$/u.test(key) && !event.altKey) key = key.toLowerCase();
  if (event.altKey && /^Key[A-Z]$/.test(event.code ?? "") && !/^[a-z]$/i.test(key)) key = event.code.slice(3);
  if (event.altKey) key = key.length === 1 ? key.toLowerCase() : key;
  const shift = event.shiftKey && (key.length > 1 || /^\p{L}$/u.test(key));
  const held = [
    event.ctrlKey || event.metaKey ? "Ctrl" : "",
    event.altKey ? "Alt" : "",
    shift ? "Shift" : "",
  ];
  return [...held.filter(Boolean), key === " " ? "Space" : key].join("+");
}

function act(event) {
  if (event.isComposing || event.getModifierState?.("AltGraph") || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  const name = nameOf(event);
  if (event.repeat && !REPEATING.test(name)) {
    if (!takesText(event.target)) event.preventDefault();
    else if (name.endsWith("Enter")) event.preventDefault();
    return;
  }
  if (ownKey(event, name)) return;
  const field = takesText(event.target);
  for (let at = tables.length - 1; at >= 0; at -= 1) {
    const table = tables[at];
    const found = table.always?.[name] ?? (field ? table.field?.[name] : table.page?.[name]);
    if (found && found(event) !== false) return event.preventDefault();
    if (!found && !field && table.other?.(event, name)) return event.preventDefault();
    if (table.alone) return;
  }
}

/** Whether the key is the focused control's own: Enter and the space bar press a button. */
function ownKey(event, name) {
  if (name !== "Enter" && name !== "Space") return false;
  return event.target instanceof HTMLElement && event.target.closest("a[href], button:not([data-tile]), summary");
}

document.addEventListener("keydown", act);

/** Arrow keys over tiles: the place after a key, in a grid of `columns`. */
export function moved(key, at, count, columns) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const next = at + steps[key];
  return next < 0 || next >= count ? at : next;
}

/** Columns of a CSS grid as it is laid out. */
export function columnsOf(grid) {
  return getComputedStyle(grid).gridTemplateColumns.split(" ").length;
}
