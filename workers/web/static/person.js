// Person: all faces of one, the least similar first.
import { get, image } from "./api.js";
import { action, el, say, score, words } from "./dom.js";
import { Tiles, crop, why, whyOf } from "./faces.js";
import { complain, main, record, start } from "./frame.js";
import { bind } from "./keys.js";
import { NameField, folded } from "./names.js";
import { plate } from "./photo.js";
import { askLookAlike, askMerge } from "./question.js";

const PAGE = 60; // faces of one request

const id = document.body.dataset.person;
const faces = [];
const wrong = new Set();
let about = null;
let work = Promise.resolve();
const wait = (act) => (work = work.then(act).catch(complain));

const tiles = new Tiles({ label: "", kind: "tiles person-faces", onmove: showPhoto });
const field = new NameField({ label: words("new_name"), take: rename });
const parts = {
  head: el("h1", { tabindex: "-1" }),
  about: el("p", { class: "lead" }),
  photo: el("div", { class: "photo-place" }),
  ask: el("div", {}),
  more: el("button", { type: "button", onclick: () => wait(more) }),
  naming: el("div", { class: "row", hidden: true }),
};
parts.naming.append(field.box);

async function more() {
  const got = await get(`/api/person/${encodeURIComponent(id)}`, { offset: faces.length, limit: PAGE });
  about = got;
  faces.push(...got.faces);
  draw();
}

/** Ask for as many as are shown again: something has changed. */
async function again() {
  const limit = Math.max(PAGE, faces.length);
  const got = await get(`/api/person/${encodeURIComponent(id)}`, { offset: 0, limit });
  about = got;
  wrong.clear();
  faces.splice(0, faces.length, ...got.faces);
  draw();
}

function draw() {
  const held = tiles.holdsFocus;
  if (!about?.person) return main.replaceChildren(el("p", { class: "empty" }, say("person_none")));
  if (!main.contains(parts.head)) main.replaceChildren(...layout());
  const name = about.person.person ?? about.person;
  document.title = words("title", { view: name });
  parts.head.replaceChildren(...say("to_whom", { name }));
  parts.about.replaceChildren(...say("person_faces", { n: about.total }), " · ", ...say("person_references", { n: references() }));
  tiles.box.setAttribute("aria-label", words("person_faces", { n: about.total }));
  tiles.fill(faces.map(tile), tiles.at);
  if (held) tiles.go(tiles.at);
  parts.more.hidden = faces.length >= about.total;
  parts.more.replaceChildren(...say("more", { n: about.total - faces.length }));
}

function references() {
  return Array.isArray(about.references) ? about.references.length : (about.references ?? 0);
}

function layout() {
  return [
    parts.head, parts.about,
    el("div", { class: "acts row" }, action("X", "wrong", sayWrong), action("R", "reference", reference), action("N", "rename", openNaming)),
    parts.naming, parts.ask,
    el("div", { class: "unnamed" }, el("div", { class: "asking" }, tiles.box, parts.more), parts.photo),
  ];
}

function tile(face, at) {
  const similarity = face.similarity === null || face.similarity === undefined ? "" : score(face.similarity);
  const label = words("tile_face", { at: at + 1, n: about.total, similarity: similarity || "–", photo: face.photo });
  const badges = [
    face.reference && el("span", { class: "badge" }, say("is_reference")),
    wrong.has(face.face_id) && el("span", { class: "badge wrong" }, say("is_wrong")),
  ].filter(Boolean);
  return el("button", { type: "button", class: "tile", "data-tile": true, "data-wrong": String(wrong.has(face.face_id)), onclick: () => tiles.go(at) },
    crop(face, { alt: label }), el("span", { class: "said" }, similarity, badges));
}

function showPhoto(at) {
  const face = faces[at];
  if (!face) return;
  parts.photo.replaceChildren(plate(image.photo(face), face.photo, face.width, face.height, [{ box: face.box }]), why(face));
  if (at >= faces.length - 6 && faces.length < about.total && tiles.holdsFocus) wait(more);
}

function explain() {
  const face = faces[tiles.at];
  if (face) location.assign(whyOf(face));
}

function redraw(face) {
  const at = faces.indexOf(face);
  const held = tiles.holdsFocus && tiles.at === at;
  tiles.tiles[at]?.replaceWith(tile(face, at));
  tiles.go(tiles.at, held);
}

// -- answers ------------------------------------------------------------------------------------------

function sayWrong() {
  wait(async () => {
    const face = faces[tiles.at];
    if (!face || wrong.has(face.face_id)) return;
    const name = about.person.person ?? about.person;
    const lines = [{ what: "not", ids: face.face_id, person: id }];
    if (!(await record(lines, { told: () => say("not_them", { name }) }))) return;
    wrong.add(face.face_id);
    redraw(face);
    if (tiles.at + 1 < faces.length) tiles.go(tiles.at + 1, true);
  });
}

function reference() {
  wait(async () => {
    const face = faces[tiles.at];
    if (!face) return;
    const what = face.reference ? "no_reference" : "reference";
    const phrase = face.reference ? "reference_off" : "reference_on";
    const name = about.person.person ?? about.person;
    if (!(await record([{ what, ids: face.face_id, person: id }], { told: () => say(phrase, { name }) }))) return;
    face.reference = !face.reference;
    redraw(face);
  });
}

function openNaming() {
  parts.naming.hidden = false;
  field.restore(about?.person.person ?? about?.person ?? "");
  field.focus();
  field.input.select();
}

function closeNaming() {
  parts.naming.hidden = true;
  field.clear();
  tiles.go(tiles.at);
}

function rename(_, text) {
  wait(async () => {
    const name = about.person.person ?? about.person;
    if (text === name) return closeNaming();
    const found = (await get("/api/people", { q: text, limit: 6 })).find((one) => one.person === text || folded(one.person) === folded(text));
    const merges = found && found.person_id !== id;
    if (merges && !(await askMerge(parts.ask, found.person))) return back(text);
    const other = merges ? found.person : text;
    const lines = [{ what: "rename", ids: id, person: other }];
    const ask = (looks) => askLookAlike(parts.ask, looks);
    if (!(await record(lines, { told: (_result, sent) => say("renamed", { name, other: sent[0].person }), ask, sure: merges, again: id }))) return back(text);
    closeNaming();
    if (merges) return location.replace(`/person/${encodeURIComponent(found.person_id)}`);
    await again();
  });
}

function back(text) {
  field.restore(text);
  field.focus();
}

// -- keys ---------------------------------------------------------------------------------------------

const inField = (table) => Object.fromEntries(Object.entries(table).map(([key, act]) => [key, () => (field.focused ? act() : false)]));
bind({
  page: { ...tiles.keys, x: sayWrong, r: reference, n: openNaming, w: explain },
  field: inField({ ...field.keys, Escape: closeNaming }),
});
start({ onothers: () => wait(again), onback: () => wait(again) });
wait(async () => {
  await more();
  if (faces.length) tiles.go(0);
});
