// Suggestions: "Is this Ada?" Enter yes, X no, S skip; or all of a sheet at once. Or "Who is this?"
import { get, image } from "./api.js";
import { action, el, given, percent, say, score, words } from "./dom.js";
import { Tiles, crop, references, why, whyOf } from "./faces.js";
import { complain, main, nothingLeft, record, start, tell } from "./frame.js";
import { bind } from "./keys.js";
import { NameField } from "./names.js";
import { plate } from "./photo.js";
import { askLookAlike } from "./question.js";

const ASKED = 12; // questions of one request, and of one sheet
const MOST_SKIPPED = 1000; // ids in one address, which may not be longer than 64 KiB
const LIKELY = 0.5; // suggestions below this are no "yes" of a sheet, unless somebody makes them one
const HANDFUL = 5; // answers after which the order is asked for anew

let queue = [];
let current = null;
let answered = 0;
let sheet = null; // the questions of the sheet that is shown
const said = new Map(); // of the sheet: "no" or "skip" by id
const left = new Set(); // answered in this page
const skipped = new Set();
let work = Promise.resolve();
const wait = (act) => (work = work.then(act).catch(complain));

const field = new NameField({ label: words("other_name"), hint: words("name_hint"), take });
const faces = new Tiles({ label: words("faces_asked"), kind: "asked-faces", onmove: showPhoto });
const tiles = new Tiles({ label: words("sheet_head"), kind: "sheet" });
const parts = {
  head: el("h1", { tabindex: "-1" }),
  about: el("p", { class: "lead" }),
  person: el("div", {}),
  photo: el("div", { class: "photo-place" }),
  ask: el("div", {}),
};
const ofPerson = [action("Enter", "yes", yes, { class: "action main" }), action("X", "no", no), action("S", "skip", skip)];
const ofNobody = [action("Alt+S", "skip", skip), action("Alt+D", "dismiss", dismiss)];
const one = [
  parts.head,
  parts.about,
  el("div", { class: "choice" },
    el("div", { class: "acts row" }, ofPerson, ofNobody, action("Shift+Enter", "sheet", openSheet)),
    field.box),
  parts.ask,
  el("div", { class: "pairing" }, faces.box, parts.person, parts.photo),
];

// -- one after the other ------------------------------------------------------------------------------

const more = (values = {}) => get("/api/suggestions", { limit: ASKED, skip: [...skipped].slice(-MOST_SKIPPED).join(","), ...values });

async function refill() {
  queue = (await more()).filter((asked) => !left.has(asked.id) && !skipped.has(asked.id));
  answered = 0;
  for (const asked of queue.slice(0, 3)) asked.faces.forEach((face, at) => (new Image().src = image.face(face, at ? 160 : 320)));
}

async function advance() {
  if (!queue.length || answered >= HANDFUL) await refill();
  if (!queue.length && skipped.size) {
    skipped.clear();
    await refill();
  }
  display(queue.shift() ?? null);
}

function display(asked) {
  current = asked;
  if (!asked) {
    return nothingLeft("suggestions_none");
  }
  if (!main.contains(parts.head)) main.replaceChildren(...one);
  const { person } = asked;
  for (const button of ofPerson) button.hidden = !person;
  for (const button of ofNobody) button.hidden = Boolean(person);
  field.label.textContent = words(person ? "other_name" : "name_label");
  parts.head.replaceChildren(...(person ? say("is_this", { name: person.person }) : say("who")));
  parts.about.replaceChildren(...about(asked));
  const count = asked.faces.length;
  faces.box.className = `asked-faces ${count === 1 ? "one" : count < 5 ? "few" : ""}`;
  faces.fill(asked.faces.map((face, at) => asTile(face, at, count)));
  parts.person.replaceChildren(...(person ? [el("h2", {}, say("references_of", { name: person.person })), shownReferences(asked)] : []));
  field.clear();
  if (person) parts.head.focus();
  else field.focus();
}

function about(asked) {
  const scores = [
    ...(asked.similarity === null || asked.similarity === undefined ? [] : [" · ", ...say("suggestion_score", { similarity: el("span", {}, score(asked.similarity)) })]),
    ...(asked.probability === null || asked.probability === undefined ? [] : [" · ", ...say("suggestion_chance", { probability: el("span", {}, percent(asked.probability)) })]),
  ];
  return [...say("suggestion_size", { n: asked.size }), ...scores];
}

function asTile(face, at, count) {
  const alt = words("face_in", { at: at + 1, n: count, photo: face.photo });
  return el("button", { type: "button", class: "tile", "data-tile": true, onclick: () => faces.go(at) }, crop(face, { alt, size: at && count > 1 ? 160 : 320 }));
}

function shownReferences(asked) {
  if (asked.references.length) return references(asked.references);
  const { portrait, image: picture } = asked.person;
  if (picture && !portrait) return references([{ image: picture }]);
  return portrait ? el("div", { class: "references" }, crop(portrait, { size: 320, alt: words("reference_alt", { at: 1, n: 1 }) })) : el("p", { class: "quiet" }, say("references_none"));
}

function showPhoto(at) {
  const face = current?.faces[at];
  if (!face) return;
  faces.tiles.forEach((tile, n) => (tile.dataset.at = String(n === at && faces.tiles.length > 1)));
  parts.photo.replaceChildren(el("h2", {}, say("whole_photo")), plate(image.photo(face), face.photo, face.width, face.height, [{ box: face.box }]), why(face));
}

// -- answers ------------------------------------------------------------------------------------------

function meant(asked) {
  return asked.cluster_id ?? (asked.ids ?? asked.faces.map((face) => face.face_id)).join(" ");
}

const known = (asked) => asked.person.person_id ?? asked.person.person;
const yesTo = (asked, who = known(asked)) => ({ what: "name", ids: meant(asked), person: who });
const noTo = (asked) => ({ what: "not", ids: meant(asked), person: known(asked) });

/** Record lines on the question that is shown, and go on. */
function answer(lines, told, more = {}) {
  wait(async () => {
    const asked = current;
    if (!asked || sheet) return;
    if (!(await record(lines(asked), { told: (result, sent) => told(asked, result, sent), again: asked, ...more }))) return;
    left.add(asked.id);
    answered += 1;
    await advance();
  });
}

function yes() {
  if (current && !current.person) return field.focus();
  answer((asked) => [yesTo(asked)], (asked, result) => namedWords(result, asked.person.person));
}

function no() {
  if (current && !current.person) return;
  answer((asked) => [noTo(asked)], (asked) => say("not_them", { name: asked.person.person }));
}

function dismiss() {
  if (sheet || !current || current.person) return false;
  answer((asked) => [{ what: "dismiss", ids: meant(asked) }], (asked) => say("dismissed", { n: asked.size }));
}

function explain() {
  const face = sheet ? sheet[tiles.at]?.faces[0] : current?.faces[Math.max(0, faces.at)];
  if (face) location.assign(whyOf(face));
}

function namedWords(result, name) {
  return say(result.faces_named ? "named" : "named_none", { n: result.faces_named, name });
}

async function take(taken, text) {
  const person = await taken;
  const who = person.person_id ?? person.person;
  answer(
    (asked) => [yesTo(asked, who)],
    (asked, result, sent) => namedWords(result, sent[0].person === who ? person.person : sent[0].person),
    { ask: (looks) => ask(looks, text) },
  );
}

async function ask(looks, text) {
  const settled = await askLookAlike(parts.ask, looks);
  if (!settled) {
    field.restore(text);
    field.focus();
  }
  return settled;
}

function skip() {
  wait(async () => {
    if (!current || sheet) return;
    skipped.add(current.id);
    await advance();
  });
}

// -- the sheet ----------------------------------------------------------------------------------------

function openSheet() {
  wait(async () => {
    if (!current) return;
    const known = (await more({ sheet: 1 })).filter((asked) => !skipped.has(asked.id));
    if (!known.length) return tell(say("sheet_none"));
    queue = [current, ...queue];
    sheet = known;
    said.clear();
    for (const asked of sheet) if ((asked.probability ?? 1) < LIKELY) said.set(asked.id, "skip");
    drawSheet();
    if (location.hash !== "#sheet") history.pushState(null, "", "#sheet");
  });
}

function drawSheet() {
  tiles.fill(sheet.map(sheetTile));
  main.replaceChildren(
    el("h1", { tabindex: "-1" }, say("sheet_head")),
    el("p", { class: "lead" }, say("sheet_lead")),
    el("div", { class: "acts row" },
      action("Shift+Enter", "sheet_take", takeSheet, { class: "action main" }), action("X", "no", () => mark("no")),
      action("S", "skip", () => mark("skip")), action("Escape", "sheet_leave", closeSheet)),
    tiles.box,
  );
  tiles.go(0);
}

function sheetTile(asked) {
  const reference = asked.references[0]
    ? el("img", { src: asked.references[0].image, alt: "", class: "crop" })
    : asked.person.portrait ? crop(asked.person.portrait) : el("span", { class: "crop" });
  const label = `${words("tile", { name: asked.person.person, n: asked.size })} `;
  const now = said.get(asked.id) ?? "yes";
  return el("button", { type: "button", class: "tile", "data-tile": true, "data-say": now, onclick: (event) => tiles.go(tiles.tiles.indexOf(event.currentTarget)) },
    el("span", { class: "pair" }, crop(asked.faces[0]), reference),
    el("span", { class: "unseen" }, label),
    given(asked.person.person, "name who"),
    el("span", { class: "state" }, say("count", { n: asked.size }), ": ", el("span", { class: "verdict" }, say(`tile_${now}`)),
      ...(asked.probability === null || asked.probability === undefined ? [] : [" · ", ...say("suggestion_chance", { probability: el("span", {}, percent(asked.probability)) })])));
}

/** Mark a tile "no" or "skip"; once more, and it is a yes again. */
function mark(word) {
  const asked = sheet[tiles.at];
  if (!asked) return;
  if (said.get(asked.id) === word) said.delete(asked.id);
  else said.set(asked.id, word);
  const now = said.get(asked.id) ?? "yes";
  const tile = tiles.tiles[tiles.at];
  tile.dataset.say = now;
  tile.querySelector(".verdict").replaceChildren(...say(`tile_${now}`));
  tiles.go(tiles.at);
}

function takeSheet() {
  wait(async () => {
    if (!sheet) return;
    const shown = sheet;
    const lines = shown.filter((asked) => said.get(asked.id) !== "skip").map((asked) => (said.get(asked.id) === "no" ? noTo(asked) : yesTo(asked)));
    const told = (result) => say("named_sheet", { answers: lines.length, n: result.faces_named ?? 0 });
    if (lines.length && !(await record(lines, { told, again: shown[0] }))) return;
    shown.forEach((asked) => (said.get(asked.id) === "skip" ? skipped : left).add(asked.id));
    queue = [];
    leaveSheet();
    await advance();
  });
}

function closeSheet() {
  wait(async () => {
    if (!sheet) return;
    leaveSheet();
    display(queue.shift());
  });
}

function leaveSheet() {
  sheet = null;
  main.replaceChildren();
  if (location.hash) history.replaceState(null, "", location.pathname);
}

addEventListener("popstate", () => (location.hash === "#sheet" ? openSheet() : closeSheet()));

// -- others and undo ----------------------------------------------------------------------------------

async function gone(asked) {
  if (!asked.cluster_id) return false;
  try {
    return (await get(`/api/cluster/${encodeURIComponent(asked.cluster_id)}`, { offset: 0, limit: 1 })).size === 0;
  } catch (fault) {
    if (fault.status === 404) return true;
    throw fault;
  }
}

async function others() {
  field.refresh();
  if (sheet) return othersOnSheet();
  if (current && !(await gone(current))) {
    const { id } = current;
    await refill();
    queue = queue.filter((asked) => asked.id !== id);
    return;
  }
  const told = current !== null;
  await refill();
  await advance();
  if (told) tell(say("gone"));
}

/** Take away the tiles that somebody else has answered; what is marked stays marked. */
async function othersOnSheet() {
  const settled = await Promise.all(sheet.map(gone));
  if (!settled.includes(true)) return;
  sheet = sheet.filter((_, at) => !settled[at]);
  queue = [];
  if (sheet.length) return drawSheet();
  leaveSheet();
  await advance();
}

async function again(asked) {
  if (sheet || !asked?.id) return others();
  left.delete(asked.id);
  if (current && current.id !== asked.id) queue.unshift(current);
  display(asked);
}

// -- keys ---------------------------------------------------------------------------------------------

const inField = (table) => Object.fromEntries(Object.entries(table).map(([key, act]) => [key, () => (field.focused ? act() : false)]));
const single = (act) => () => (sheet ? false : act());
const onSheet = (act, or) => () => (sheet ? act() : or());

function arrow(key) {
  if (sheet) return tiles.move(key);
  if (!current || key === "ArrowUp" || key === "ArrowDown") return false;
  const next = faces.at + (key === "ArrowRight" ? 1 : -1);
  if (current.faces[next]) faces.go(next, faces.holdsFocus);
}

bind({
  always: { "Alt+d": dismiss, "Alt+s": single(skip) },
  page: {
    Enter: single(yes),
    x: onSheet(() => mark("no"), no),
    w: explain,
    s: onSheet(() => mark("skip"), skip),
    "Shift+Enter": onSheet(takeSheet, openSheet),
    Escape: onSheet(closeSheet, () => parts.head.focus()),
    ...Object.fromEntries(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => [key, () => arrow(key)])),
    ...Object.fromEntries(["Home", "End"].map((key) => [key, onSheet(() => tiles.move(key), () => false)])),
  },
  field: inField({ ...field.keys, Escape: () => (field.clear(), parts.head.focus()) }),
  // A capital begins a name, whatever the small letter does.
  other: (event, name) => {
    if (sheet || !current || !/^(Shift\+)?\p{L}$/u.test(name)) return false;
    field.focus();
    return false;
  },
});

start({ onothers: () => wait(others), onback: (asked) => wait(() => again(asked)) });
wait(async () => {
  await advance();
  if (location.hash === "#sheet") openSheet();
});
