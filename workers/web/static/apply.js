// "Apply now": the archive is matched with the answers, and the page shows what that changed.
import { get, post } from "./api.js";
import { el, say } from "./dom.js";
import { PHRASES } from "./phrases.js";

const ASK = 400; // milliseconds between two looks at the progress
let dialog = null;

/** Start, show the progress, then the effect; `done` is called once new results are there. */
export async function applyNow({ show, complain, done }) {
  if (dialog) return;
  const progress = el("p", { class: "progress", role: "status" }, say("apply_running"));
  const meter = el("progress", { "aria-labelledby": "apply-head" });
  const close = el("button", { type: "button", onclick: () => dialog.close() }, say("close"), " ", el("kbd", { "aria-hidden": "true" }, "Escape"));
  const head = el("h2", { id: "apply-head", tabindex: "-1" }, say("applying"));
  dialog = el("dialog", { class: "apply", "aria-labelledby": "apply-head", onclose: () => (dialog.remove(), (dialog = null)) }, head, meter, progress, close);
  document.body.append(dialog);
  dialog.showModal();
  try {
    await post("/api/apply-now");
    const ended = await finished(progress);
    if (ended.error) throw new Error(ended.error);
    head.replaceChildren(...say("applied"));
    meter.remove();
    progress.replaceWith(effectTable(ended.effect ?? {}));
    close.focus();
    show(await get("/api/state"));
    await done();
  } catch (fault) {
    meter.remove();
    progress.replaceChildren(el("span", { class: "alert" }, fault.message));
    if (fault.status === 0) complain(fault);
  }
}

async function finished(progress) {
  for (;;) {
    const now = await get("/api/apply-now");
    if (!now.running) return now;
    if (now.progress) progress.replaceChildren(String(now.progress));
    await new Promise((wake) => setTimeout(wake, ASK));
  }
}

/** A table of the numbers that an effect has before and after. */
function effectTable(effect) {
  const names = Object.keys(effect).filter((key) => key.endsWith("_before")).map((key) => key.slice(0, -7));
  const cell = (value) => el("td", { class: "n" }, typeof value === "number" ? value.toLocaleString("en") : String(value ?? ""));
  const rows = names.map((name) =>
    el("tr", {}, el("th", { scope: "row" }, PHRASES[name] ?? name.replaceAll("_", " ")), cell(effect[`${name}_before`]), cell(effect[`${name}_after`])),
  );
  const heads = ["effect_what", "effect_before", "effect_after"].map((key, at) => el("th", { scope: "col", class: at ? "n" : "" }, say(key)));
  return el("table", { class: "effect" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows));
}
