// Missing: who was expected in a photo and not found there, beside the nearest face.
import { get, image } from "./api.js";
import { action, el, given, say, score, words } from "./dom.js";
import { crop, references } from "./faces.js";
import { complain, main, nothingLeft, numbersNow, record, start } from "./frame.js";
import { bind } from "./keys.js";
import { DrawnBox, dragging, plate } from "./photo.js";
import { PHRASES } from "./phrases.js";

const AHEAD = 12;

let queue = [];
let offset = 0; // of those that were skipped: they stay in the program's list
let current = null;
let drawn = null;
let armed = false;
let work = Promise.resolve();
const wait = (act) => (work = work.then(act).catch(complain));

const parts = {
  head: el("h1", { tabindex: "-1" }),
  about: el("p", { class: "lead" }),
  person: el("div", {}),
  nearest: el("div", {}),
  photo: el("div", { class: "photo-place" }),
  acts: el("div", { class: "acts row" }),
  box: el("p", { class: "quiet", role: "status" }),
};

async function advance() {
  if (!queue.length) queue = await get("/api/missing", { offset, limit: AHEAD });
  if (!queue.length && offset) {
    offset = 0;
    queue = await get("/api/missing", { offset, limit: AHEAD });
  }
  display(queue.shift() ?? null);
}

function display(one) {
  current = one;
  undraw();
  if (!one) {
    return nothingLeft("missing_none");
  }
  if (!main.contains(parts.head)) {
    main.replaceChildren(parts.head, parts.about, parts.acts, parts.box,
      el("div", { class: "missing-one" }, parts.photo, el("div", { class: "asking beside" }, parts.person, parts.nearest)));
  }
  parts.head.replaceChildren(...say(one.nearest ? "is_it" : "where", { name: one.person }));
  parts.about.replaceChildren(...about(one));
  parts.person.replaceChildren(el("h2", {}, say("references_of", { name: one.person })),
    one.references.length ? references(one.references) : el("p", { class: "quiet" }, say("references_none")));
  parts.nearest.replaceChildren(el("h2", {}, say("nearest")), ...nearest(one));
  showPhoto(one);
  buttons();
  parts.head.focus();
}

function about(one) {
  const left = numbersNow().missing;
  return [
    el("span", { class: `badge status ${one.status}` }, PHRASES[one.status] ?? one.status), " ",
    ...say("expected_in", { scope: given(one.photo ?? one.scope, "key") }),
    ...(one.reason ? [" · ", given(one.reason, "reason")] : []),
    ...(left ? [" · ", ...say("missing_left", { n: left })] : []),
  ];
}

function nearest(one) {
  if (!one.nearest) return [el("p", { class: "quiet" }, say("nearest_none"))];
  const { similarity } = one.nearest;
  return [
    crop(one.nearest, { size: 320, alt: words("nearest"), kind: "crop big" }),
    typeof similarity === "number" && el("p", { class: "quiet" }, say("suggestion_score", { similarity: el("span", {}, score(similarity)) })),
  ].filter(Boolean);
}

/** Width and height of the upright photo: of a face in it, or told with the row. */
function size(one) {
  const face = one.nearest;
  return [one.width ?? face?.width, one.height ?? face?.height];
}

function showPhoto(one) {
  const key = one.photo ?? one.nearest?.photo;
  if (!key || one.status.startsWith("photo_")) return parts.photo.replaceChildren();
  const boxes = one.nearest ? [{ box: one.nearest.box, kind: "near" }] : [];
  const src = one.nearest && one.nearest.photo === key ? image.photo(one.nearest) : image.key(key);
  const figure = plate(src, key, ...size(one), boxes);
  parts.photo.replaceChildren(figure);
  const picture = figure.querySelector("img");
  const ready = () => dragging(figure, ...size(one), begin, () => armed);
  if (size(one)[0]) return ready();
  picture.addEventListener("load", () => {
    if (current !== one) return;
    [one.width, one.height] = [picture.naturalWidth, picture.naturalHeight];
    figure.querySelector(".plate").style.setProperty("--ratio", String(one.width / one.height));
    ready();
  }, { once: true });
}

function buttons() {
  const can = current.photo && !current.status.startsWith("photo_");
  parts.acts.replaceChildren(
    ...[
      drawn ? action("Enter", "draw_done", yes, { class: "action main" }) : current.nearest && action("Enter", "it_is_them", yes, { class: "action main" }),
      action("A", "accept", accept),
      action("S", "skip", skip),
      drawn ? action("Escape", "draw_leave", undraw) : can && action("B", "draw", begin),
    ].filter(Boolean),
  );
}

// -- a box by hand ------------------------------------------------------------------------------------

function begin() {
  const [width, height] = current ? size(current) : [];
  if (drawn || !width || !parts.photo.firstChild || !current.photo) return drawn;
  armed = true;
  drawn = new DrawnBox(parts.photo.firstChild, width, height, (nodes) => parts.box.replaceChildren(...say("draw_hint"), " ", ...nodes));
  buttons();
  parts.head.focus();
  return drawn;
}

function undraw() {
  armed = false;
  drawn?.remove();
  drawn = null;
  parts.box.replaceChildren();
  if (current && main.contains(parts.acts)) buttons();
}

// -- answers ------------------------------------------------------------------------------------------

function answer(line, told) {
  wait(async () => {
    const one = current;
    const made = one && line(one);
    if (!made) return;
    if (await record([made], { told: () => told(one, made), again: one })) await advance();
  });
}

const known = (one) => one.person_id ?? one.person;

function yes() {
  answer(
    (one) =>
      drawn
        ? { what: "face", photo: one.photo, box: drawn.box.join(" "), person: known(one) }
        : one.nearest && { what: "name", ids: one.nearest.face_id, person: known(one) },
    (one, made) => (made.what === "face" ? say("drawn", { name: one.person }) : say("named", { n: 1, name: one.person })),
  );
}

function accept() {
  answer(
    (one) => ({ what: "accept_absent", person: known(one), photo: one.photo ?? one.scope }),
    (one) => say("accepted", { name: one.person }),
  );
}

function skip() {
  wait(async () => {
    if (!current) return;
    offset += 1;
    await advance();
  });
}

async function others() {
  queue = [];
  const list = await get("/api/missing", { offset, limit: AHEAD });
  const same = (one) => one.person_id === current?.person_id && one.photo === current?.photo && one.scope === current?.scope;
  const at = list.findIndex(same);
  queue = list.filter((one) => !same(one));
  if (at < 0 && !drawn) display(queue.shift() ?? null);
}

function again(one) {
  if (!one?.person) return others();
  if (current) queue.unshift(current);
  display(one);
}

// -- keys ---------------------------------------------------------------------------------------------

const arrows = ["", "Shift+", "Alt+", "Alt+Shift+"].flatMap((held) => ["Left", "Right", "Up", "Down"].map((way) => `${held}Arrow${way}`));
bind({
  page: {
    Enter: yes, a: accept, s: skip, b: begin,
    Escape: () => (drawn ? undraw() : false),
    ...Object.fromEntries(arrows.map((key) => [key, () => (drawn ? drawn.key(key) : false)])),
  },
});
start({ onothers: () => wait(others), onback: (one) => wait(() => again(one)) });
wait(advance);
