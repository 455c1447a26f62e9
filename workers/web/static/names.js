// The name field: a combobox over the people of the archive. Enter takes the first completion.
import { get, image } from "./api.js";
import { el, given, say, words } from "./dom.js";

const LISTED = 6;
let fields = 0;

/** A text without case, accents and doubled blanks, as names are compared. */
export function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}

/** Whether a name, or a word in it, begins with a folded text. */
export function begins(name, text) {
  const whole = folded(name);
  return whole.startsWith(text) || whole.split(/[\s-]/).some((_, at, all) => all.slice(at).join(" ").startsWith(text));
}

export class NameField {
  /** `take` gets {person, person_id} of a known person, or {person} alone of a typed name. */
  constructor({ label, hint = "", take, only = false }) {
    fields += 1;
    this.id = `name-${fields}`;
    this.take = take;
    this.only = only;
    this.kept = new Map();
    this.shown = [];
    this.at = -1;
    this.offered = null;
    this._build(label, hint);
  }

  _build(label, hint) {
    this.input = el("input", {
      id: this.id,
      type: "text",
      role: "combobox",
      autocomplete: "off",
      autocapitalize: "words",
      spellcheck: "false",
      dir: "auto",
      maxlength: "500",
      placeholder: hint,
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${this.id}-list`,
      oninput: () => this._look(),
      onblur: () => this.only && setTimeout(() => this._show([]), 150),
    });
    this.list = el("ul", { id: `${this.id}-list`, role: "listbox", class: "completions", "aria-label": words("completions"), hidden: true });
    this.label = el("label", { for: this.id }, label);
    this.box = el("div", { class: "name-field" }, this.label, this.input, this.list);
    this.keys = {
      Enter: () => this.enter(),
      "Shift+Enter": () => this.enter(true),
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
    };
  }

  get text() {
    return this.input.value.trim();
  }

  get focused() {
    return document.activeElement === this.input;
  }

  focus() {
    this.input.focus();
  }

  /** Empty the field; a person may be offered who is taken with an arrow key and Enter. */
  clear(offered = null) {
    this.input.value = "";
    this.offered = offered;
    this._show([]);
  }

  /** Put the text back that was typed ahead. */
  restore(text) {
    this.input.value = text;
    this._look();
  }

  /** Forget completions: there are new people. */
  refresh() {
    this.kept.clear();
  }

  /** Take the chosen or first completion, or what was typed; waits for the completions of it. */
  enter(typed = false) {
    const text = this.text;
    const chosen = this.chosen ? this.shown[this.at] : null;
    const offered = this.at >= 0 && text === "" ? this.shown[this.at] : null;
    if (!text && !offered) return;
    this.clear(this.offered);
    this.take(this._taken(text, typed, chosen ?? offered), text);
  }

  async _taken(text, typed, chosen) {
    if (chosen?.typed || typed) return { person: text };
    if (chosen) return chosen;
    const first = this._sorted(await this._people(text), text)[0];
    return first && begins(first.person, folded(text)) ? first : { person: text };
  }

  move(step) {
    const count = this.shown.length;
    if (!count) return false;
    this.at = (this.at + step + count + (this.at < 0 && step < 0 ? 1 : 0)) % count;
    this.chosen = true;
    this._mark();
  }

  async _look() {
    const text = this.text;
    this.chosen = false;
    if (!text) return this._show([]);
    const people = await this._people(text).catch(() => []);
    if (text === this.text) this._show(people, text);
  }

  /** People for a text, asked for once; the promise is kept, so that Enter can wait for it. */
  _people(text) {
    const key = folded(text);
    if (!this.kept.has(key)) {
      const asked = get("/api/people", { q: text, limit: LISTED });
      asked.catch(() => this.kept.delete(key));
      this.kept.set(key, asked);
    }
    return this.kept.get(key);
  }

  /** Those whose name begins with the text first, the same name before all. */
  _sorted(people, text) {
    const key = folded(text);
    const rank = (person) => (folded(person.person) === key ? 0 : begins(person.person, key) ? 1 : 2);
    return [...people].sort((one, other) => rank(one) - rank(other));
  }

  _show(people, text = "") {
    this.shown = text ? this._sorted(people, text) : this.offered ? [{ ...this.offered, perhaps: true }] : [];
    const known = this.shown.some((person) => folded(person.person) === folded(text));
    this.at = text && this.shown.length && begins(this.shown[0].person, folded(text)) ? 0 : -1;
    if (text && this.shown.length && !known && !this.only) this.shown.push({ person: text, typed: true });
    this.chosen = false;
    this.list.replaceChildren(...this.shown.map((person, at) => this._option(person, at)));
    this.list.hidden = !this.shown.length;
    this.list.classList.toggle("offered", !text);
    this.input.setAttribute("aria-expanded", String(this.shown.length > 0));
    this._mark();
  }

  _option(person, at) {
    const picture = person.portrait ? image.face(person.portrait) : person.image;
    const portrait = picture
      ? el("img", { src: picture, alt: "", width: 36, height: 36, class: "portrait" })
      : el("span", { class: "portrait blank" });
    const name = person.typed ? el("span", { class: "who" }, say("as_typed", { name: person.person })) : given(person.person, "name who");
    const note = person.typed
      ? el("kbd", {}, "Shift+Enter")
      : el("span", { class: "quiet" }, person.perhaps ? [...say("perhaps"), " · "] : [], person.faces === undefined ? [] : say("count", { n: person.faces }),
        person.perhaps && [" ", el("kbd", {}, "↓ Enter")]);
    return el(
      "li",
      {
        id: `${this.id}-${at}`,
        role: "option",
        "aria-selected": "false",
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => this._pick(at),
      },
      portrait,
      name,
      note,
    );
  }

  _pick(at) {
    this.at = at;
    this.chosen = true;
    this.enter();
  }

  _mark() {
    [...this.list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === this.at)));
    if (this.at >= 0) this.input.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }
}
