// What every page has: the numbers, undo, apply now, finding a person, the keys, and what was said last.
import { applyNow } from "./apply.js";
import { Fault, get, post, sent } from "./api.js";
import { action, el, say, words } from "./dom.js";
import { bind } from "./keys.js";
import { NameField } from "./names.js";
import { KEYS, KEYS_HEAD } from "./phrases.js";

const VIEWS = [
  ["suggestions", "/", null],
  ["unnamed", "/unnamed", "unnamed_clusters"],
  ["missing", "/missing", "missing"],
  ["check", "/check", null],
];
const POLL = 3000; // milliseconds: another reviewer's answers are seen within seconds

export const view = document.body.dataset.view;
export const main = document.getElementById("main");

const numbers = {};
const status = el("p", { class: "told", role: "status", "aria-live": "polite" });
const alarm = el("p", { class: "told alarm", role: "alert" });
const reports = new Map();
let state = null;
let others = () => {};
let back = async () => {};

/** Build the head of the page; `onothers` is called when somebody else has answered. */
export function start({ onothers, onback }) {
  others = onothers ?? others;
  back = onback ?? back;
  document.title = words("title", { view: words(`view_${view}`) });
  document.getElementById("top").append(...head(), el("div", { class: "sayings" }, status, alarm));
  bind({
    page: { z: undo, "?": help, p: find, g: goto },
    field: { "?": (event) => (event.target.value === "" ? help() : false) },
    always: { "Alt+z": undo, "Alt+a": apply, "Alt+p": find, "Ctrl+z": (event) => (event.target.value ? false : undo()) },
  });
  poll();
  setInterval(() => document.visibilityState === "visible" && poll(), POLL);
}

function head() {
  const links = VIEWS.map(([name, href, counted]) => {
    if (counted) numbers[counted] = el("b", { class: "count" });
    return el("li", {}, el("a", { href, "aria-current": name === view && "page" }, say(`view_${name}`), counted && " ", counted && numbers[counted]));
  });
  numbers.undo = action("Z", "undo", undo);
  numbers.apply = action("Alt+A", "apply", apply);
  numbers.progress = el("p", { class: "quiet progress" });
  return [
    el("div", { class: "bar" }, el("p", { class: "brand" }, say("brand")), numbers.progress,
      el("div", { class: "acts" }, numbers.undo, numbers.apply, action("?", "keys", help))),
    el("nav", { "aria-label": words("nav") }, el("ul", {}, links), finder.box),
  ];
}

const finder = new NameField({ label: words("find"), only: true, take: open });
finder.box.classList.add("finder");

async function open(taken) {
  const person = await taken;
  if (person.person_id) location.assign(`/person/${encodeURIComponent(person.person_id)}`);
}

function find() {
  finder.focus();
}
bind({ field: Object.fromEntries([...Object.entries(finder.keys), ["Escape", () => leave()]].map(([key, act]) => [key, () => (finder.focused ? act() : false)])) });

function leave() {
  finder.clear();
  main.focus();
}

function goto() {
  const away = bind({
    alone: true,
    page: { s: () => location.assign("/"), u: () => location.assign("/unnamed"), m: () => location.assign("/missing") },
    other: () => away() && false,
  });
  setTimeout(away, 1500);
}

// -- numbers ----------------------------------------------------------------------------------------

async function poll() {
  const before = sent();
  try {
    const now = await get("/api/state");
    if (before !== sent()) return;
    const theirs = state !== null && now.version !== state.version;
    const loaded = Boolean(state?.loading) && !now.loading;
    show(now);
    if (loaded && !theirs) await others();
    if (theirs) {
      tell(say("others"));
      await others();
    }
    if (alarm.dataset.ended) alarm.replaceChildren();
    delete alarm.dataset.ended;
  } catch (fault) {
    complain(fault);
    alarm.dataset.ended = "yes";
  }
}

/** Show the numbers of a state. */
export function show(now) {
  if (!now) return;
  state = now;
  for (const key of ["unnamed_clusters", "missing"]) numbers[key].textContent = (now[key] ?? 0).toLocaleString("en");
  numbers.progress.replaceChildren(...say("progress", { named: now.named_faces ?? 0, unnamed: now.unnamed_faces ?? 0 }));
  label(numbers.undo, now.undoable, "undo");
  label(numbers.apply, now.answers_pending, "apply");
}

function label(button, count, phrase) {
  button.setAttribute("aria-disabled", String(!count));
  if (count) button.title = words(`${phrase}_count`, { n: count });
  else button.removeAttribute("title");
  button.querySelector("span").replaceChildren(...say(phrase), ...(count ? [" ", el("b", { class: "count" }, count.toLocaleString("en"))] : []));
}

export function numbersNow() {
  return state ?? {};
}

// -- words ------------------------------------------------------------------------------------------

/** Say what happened, to the eye and to a screen reader. */
export function tell(nodes, warnings = []) {
  alarm.replaceChildren();
  status.replaceChildren(...nodes, ...warnings.flatMap((warning) => [el("br"), el("span", { class: "quiet" }, warning)]));
}

/** Say what went wrong. */
export function complain(fault) {
  if (!(fault instanceof Fault)) throw fault;
  status.replaceChildren();
  alarm.replaceChildren(fault.message);
}

/** Show that nothing is left to ask here. */
export function nothingLeft(phrase) {
  const head = el("h1", { tabindex: "-1" }, say(`view_${view}`));
  main.replaceChildren(head, el("p", { class: "empty" }, say(phrase)));
  head.focus();
}

// -- answers ----------------------------------------------------------------------------------------

/**
 * Record answers; true where they were. `told(result)` makes the words, `again` what a view shows
 * after they were taken back; `ask(looks)` settles a name that looks like a known one: it gives
 * {keep: true}, {person} or null.
 */
export async function record(lines, { told, again = null, ask = null, sure = false }) {
  try {
    const result = await post("/api/answers", { lines, sure });
    const said = told(result, lines);
    for (const id of result.answers ?? []) reports.set(id, { said: said.map((node) => node.cloneNode?.(true) ?? node), again });
    finder.refresh();
    show(result.state);
    tell(said, result.warnings ?? []);
    return true;
  } catch (fault) {
    if (fault instanceof Fault && fault.status === 409 && ask && fault.body?.look_alike) {
      const settled = await ask(fault.body.look_alike);
      if (!settled) return false;
      const changed = settled.person ? lines.map((line) => exchanged(line, settled)) : lines;
      return record(changed, { told, again, ask: null, sure: true });
    }
    complain(fault);
    return false;
  }
}

function exchanged(line, { name, person }) {
  return line.person === name ? { ...line, person } : line;
}

let undoing = Promise.resolve();

/** Take the last answer back; pressed again, the one before. */
function undo() {
  undoing = undoing.then(undoOne).catch(complain);
}

async function undoOne() {
  if (state && !state.undoable) return tell(say("undo_none"));
  const result = await post("/api/undo", { steps: 1 });
  show(result.state);
  finder.refresh();
  const known = (result.undone ?? []).map((id) => reports.get(id)).filter(Boolean);
  const what = el("span", {}, known[0]?.said.map((node) => node.cloneNode?.(true) ?? node) ?? []);
  tell(known.length ? say("undone", { what }) : result.undone?.length ? say("undone_some", { n: result.undone.length }) : say("undo_none"));
  await back(known.map(({ again }) => again).find(Boolean) ?? null);
}

function apply() {
  applyNow({ show, complain, done: () => others() });
}

// -- keys -------------------------------------------------------------------------------------------

function help() {
  const lists = [view, "everywhere"]
    .filter((name) => KEYS[name])
    .map((name) => [
      el("h3", {}, KEYS_HEAD[name]),
      el("dl", { class: "keys" }, KEYS[name].map(([key, does]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, does)])),
    ]);
  const dialog = el("dialog", { class: "help", "aria-labelledby": "help-head", onclose: () => dialog.remove() });
  dialog.append(el("h2", { id: "help-head" }, say("keys")), ...lists.flat(), el("button", { type: "button", onclick: () => dialog.close() }, say("close"), " ", el("kbd", { "aria-hidden": "true" }, "Escape")));
  document.body.append(dialog);
  dialog.showModal();
}
