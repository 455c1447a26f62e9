// Unnamed: one group of faces at a time. The name field has the focus; Enter names and goes on.
import { get, image } from "./api.js";
import { action, el, say, score, words } from "./dom.js";
import { Tiles, crop, why } from "./faces.js";
import { complain, main, nothingLeft, numbersNow, record, start, tell } from "./frame.js";
import { bind } from "./keys.js";
import { NameField } from "./names.js";
import { plate } from "./photo.js";
import { askLookAlike } from "./question.js";

const AHEAD = 4; // groups that are asked for at a time
const MOST_SKIPPED = 2000; // ids in one address, which may not be longer than 64 KiB
const MOST = 500; // faces of a group in one answer of the program

let queue = [];
const left = new Set(); // answered in this page: what was asked for before may still bring them
const skipped = new Set();
const marked = new Set();
let current = null;
let refused = 0; // counts names that were not recorded: those typed ahead were meant for later groups
let work = Promise.resolve();

const field = new NameField({ label: words("name_label"), hint: words("name_hint"), take });
const tiles = new Tiles({ label: words("faces_asked"), kind: "tiles many", onmove: showPhoto });
const parts = {
  head: el("h1", { tabindex: "-1" }),
  about: el("p", { class: "lead" }),
  note: el("p", { class: "note", "aria-live": "polite" }),
  ask: el("div", { class: "asked" }),
  alike: el("aside", { class: "alike" }),
  photo: el("div", { class: "photo-place" }),
};
const acts = el("div", { class: "acts row" });
const workplace = el("div", { class: "unnamed" },
  el("div", { class: "asking" }, tiles.box, parts.note, field.box, parts.ask, acts, parts.alike), parts.photo);

// -- one after the other ------------------------------------------------------------------------------

async function refill() {
  const here = () => [...queue, ...(current ? [current] : [])].map((one) => one.cluster_id);
  const skip = [...[...skipped].slice(-MOST_SKIPPED), ...here()];
  const more = await get("/api/clusters", { limit: AHEAD, skip: skip.join(",") });
  const known = new Set([...left, ...skipped, ...here()]);
  queue.push(...more.filter((one) => !known.has(one.cluster_id)));
  for (const one of queue.slice(0, 2)) one.faces.forEach((face) => (new Image().src = image.face(face)));
}

async function advance(push = false) {
  current = null;
  if (!queue.length) await refill();
  if (!queue.length && skipped.size) {
    skipped.clear();
    await refill();
  }
  display(queue.shift() ?? null, push);
  if (queue.length < 2) refill().catch(complain);
}

function display(cluster, push = false) {
  current = cluster;
  marked.clear();
  if (!cluster) {
    history.replaceState(null, "", location.pathname);
    return nothingLeft("unnamed_none");
  }
  if (!main.contains(workplace)) main.replaceChildren(parts.head, parts.about, workplace);
  parts.head.replaceChildren(...say("who"));
  const count = numbersNow().unnamed_clusters;
  parts.about.replaceChildren(...say("unnamed_size", { n: cluster.size }),
    ...(cluster.size > cluster.faces.length ? [", ", ...say("shown_of", { shown: cluster.faces.length, n: cluster.size })] : []),
    ...(count ? [" · ", ...say("unnamed_left", { n: count })] : []));
  tiles.fill(cluster.faces.map(tile));
  lookAlike(cluster.look_alike);
  note();
  field.offered = cluster.suggestion ?? null;
  if (!field.text) field.clear(field.offered);
  const hash = `#${encodeURIComponent(cluster.cluster_id)}`;
  if (location.hash !== hash) history[push ? "pushState" : "replaceState"](null, "", hash);
  field.focus();
}

function tile(face, at) {
  const alt = words("face_in", { at: at + 1, n: current.faces.length, photo: face.photo });
  const digit = at < 10 && String((at + 1) % 10);
  return el("button", { type: "button", class: "tile", "data-tile": true, "data-digit": digit, "aria-pressed": "false", onclick: () => mark(at) }, crop(face, { alt }));
}

function lookAlike(other) {
  parts.alike.hidden = !other;
  if (!other) return;
  parts.alike.replaceChildren(el("h2", {}, say("look_alike")),
    el("p", { class: "quiet" }, say("look_alike_size", { n: other.size, similarity: score(other.similarity) })),
    el("div", { class: "references" }, other.faces.map((face) => crop(face, { alt: "" }))),
    action("Alt+M", "merge", merge));
}

function showPhoto(at) {
  const face = current?.faces[at];
  if (face) parts.photo.replaceChildren(plate(image.photo(face), face.photo, face.width, face.height, [{ box: face.box }]), why(face, null));
}

function mark(at) {
  if (!current?.faces[at]) return;
  const on = !marked.delete(at);
  if (on) marked.add(at);
  tiles.tiles[at].setAttribute("aria-pressed", String(on));
  note();
  showPhoto(at);
}

function note() {
  parts.note.replaceChildren(...(marked.size ? say("marked", { n: marked.size }) : []));
  acts.replaceChildren(
    action("Alt+D", "dismiss", dismiss),
    action("Alt+N", marked.size ? "marked_not_faces" : "not_a_face", notFaces),
    action("Alt+S", "skip", skip),
  );
}

// -- answers ------------------------------------------------------------------------------------------

const wait = (act) => (work = work.then(act).catch(complain));

/** Name the group; what is typed meanwhile is of the next one. */
function take(taken, text) {
  const before = refused;
  wait(async () => {
    const cluster = current;
    if (!cluster || before !== refused) return;
    const person = await taken;
    const out = [...marked].map((at) => cluster.faces[at].face_id);
    const lines = await namingLines(cluster, out, person);
    if (!lines) return tell(say("all_marked"));
    const done = await record(lines, {
      told: (result, sent) => [
        ...say(result.faces_named ? "named" : "named_none", { n: result.faces_named, name: whom(person, sent) }),
        ...(out.length ? [" ", ...say("apart_too", { n: out.length })] : []),
      ],
      again: cluster,
      ask: (looks) => question(looks),
    });
    field.refresh();
    if (done) return answered(cluster);
    refused += 1;
    field.restore(text);
    field.focus();
  });
}

/** The name that was recorded: a known one where the question turned it so. */
function whom(person, lines) {
  const name = lines[0].person;
  return name === person.person_id ? person.person : name;
}

async function question(looks) {
  const ahead = field.text;
  field.input.disabled = true;
  const settled = await askLookAlike(parts.ask, looks);
  field.input.disabled = false;
  if (settled) {
    field.restore(ahead);
    field.focus();
  }
  return settled;
}

/** The lines that name a group, but for the faces of it that are marked. */
async function namingLines(cluster, out, person) {
  const who = person.person_id ?? person.person;
  if (!out.length) return [{ what: "name", ids: cluster.cluster_id, person: who }];
  const rest = (await members(cluster)).filter((id) => !out.includes(id));
  if (!rest.length) return null;
  const sides = `${out.join(" ")} | ${rest.join(" ")}`;
  return [{ what: "name", ids: rest.join(" "), person: who }, { what: "apart", ids: sides }];
}

async function members(cluster) {
  if (cluster.size <= cluster.faces.length) return cluster.faces.map((face) => face.face_id);
  const ids = [];
  while (ids.length < cluster.size) {
    const { faces } = await get(`/api/cluster/${encodeURIComponent(cluster.cluster_id)}`, { offset: ids.length, limit: MOST });
    if (!faces.length) break;
    ids.push(...faces.map((face) => face.face_id));
  }
  return ids;
}

function answered(cluster) {
  left.add(cluster.cluster_id);
  return advance();
}

/** An answer without a name, on the group that is shown when the key is pressed. */
function plainly(lines, told, then = answered) {
  wait(async () => {
    const cluster = current;
    if (!cluster) return;
    const made = lines(cluster);
    if (await record(made, { told: () => told(cluster), again: cluster })) await then(cluster);
    else field.focus();
  });
}

function merge() {
  if (!current?.look_alike) return;
  plainly(
    (one) => [{ what: "same", ids: `${one.cluster_id} ${one.look_alike.cluster_id}` }],
    (one) => say("merged", { n: one.size + one.look_alike.size }),
    showMerged,
  );
}

/** Show the two that are one now: the program goes on with the id of either. */
async function showMerged(cluster) {
  const ids = [cluster.look_alike.cluster_id, cluster.cluster_id];
  queue = queue.filter((one) => !ids.includes(one.cluster_id));
  current = null;
  const found = await Promise.all(ids.map((id) => open(id).catch(() => null)));
  if (found.every((one) => !one)) await advance();
}

function dismiss() {
  plainly((one) => [{ what: "dismiss", ids: one.cluster_id }], (one) => say("dismissed", { n: one.size }));
}

function notFaces() {
  const only = [...marked].map((at) => current.faces[at].face_id);
  plainly(
    (one) => [{ what: "not_a_face", ids: only.length ? only.join(" ") : one.cluster_id }],
    (one) => say("no_faces", { n: only.length || one.size }),
  );
}

function skip() {
  wait(async () => {
    if (!current) return;
    skipped.add(current.cluster_id);
    field.clear();
    await advance(true);
  });
}

// -- others, undo, the address ------------------------------------------------------------------------

async function gone(cluster) {
  try {
    return (await get(`/api/cluster/${encodeURIComponent(cluster.cluster_id)}`, { offset: 0, limit: 1 })).size === 0;
  } catch (fault) {
    if (fault.status === 404) return true;
    throw fault;
  }
}

async function others() {
  queue.length = 0;
  field.refresh();
  if (current && !(await gone(current))) return refill();
  const told = current !== null;
  await advance();
  if (told) tell(say("gone"));
}

async function again(cluster) {
  if (!cluster?.cluster_id) return others();
  left.delete(cluster.cluster_id);
  if (current && current.cluster_id !== cluster.cluster_id) queue.unshift(current);
  field.clear();
  display(cluster);
}

/** Show a group by its id; false where it has no faces any more. */
async function open(id) {
  const cluster = await get(`/api/cluster/${encodeURIComponent(id)}`, { offset: 0, limit: 12 });
  if (!cluster.size) return false;
  left.delete(id);
  skipped.delete(id);
  if (current) queue.unshift(current);
  display({ cluster_id: id, look_alike: null, suggestion: null, ...cluster });
  return true;
}

addEventListener("popstate", () => {
  const id = location.hash.slice(1);
  if (id && id !== current?.cluster_id) wait(() => open(decodeURIComponent(id)));
});

// -- keys ---------------------------------------------------------------------------------------------

const empty = (act) => () => (field.text ? false : act());
const digits = Object.fromEntries([..."1234567890"].map((digit, at) => [digit, () => mark(at)]));
const inField = (table) => Object.fromEntries(Object.entries(table).map(([key, act]) => [key, (event) => (field.focused ? act(event) : false)]));

function escape() {
  if (field.text) field.clear(field.offered);
  else tiles.go(tiles.at);
}

bind({
  always: { "Alt+m": merge, "Alt+d": dismiss, "Alt+n": notFaces, "Alt+s": skip },
  field: inField({
    ...Object.fromEntries(Object.entries(digits).map(([key, act]) => [key, empty(act)])),
    ...field.keys,
    ArrowDown: () => (field.shown.length ? field.move(1) : tiles.go(tiles.at)),
    Escape: escape,
  }),
  page: {
    ...digits, ...tiles.keys,
    m: merge, d: dismiss, n: notFaces, s: skip,
    x: () => mark(tiles.at), Space: () => mark(tiles.at),
    Enter: () => field.focus(), Escape: () => field.focus(),
  },
});

start({ onothers: () => wait(others), onback: (cluster) => wait(() => again(cluster)) });
const wanted = decodeURIComponent(location.hash.slice(1));
wait(async () => {
  await refill();
  if (!wanted || queue[0]?.cluster_id === wanted || !(await open(wanted).catch(() => false))) await advance();
});
