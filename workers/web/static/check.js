// Check: names and absences drawn at random, judged by one key each, and signed.
import { get, image, post } from "./api.js";
import { action, el, given, say, words } from "./dom.js";
import { crop, references } from "./faces.js";
import { complain, main, show, start, tell } from "./frame.js";
import { bind } from "./keys.js";
import { plate } from "./photo.js";

const COMMAND = "headcount review --check 100 --by NAME";

let now = null;
let at = 0; // of the photos of a scope
let seen = false; // whether the picture in question is there: nothing is judged unseen
let busy = false;

const parts = {
  head: el("h1", { tabindex: "-1" }),
  about: el("p", { class: "lead" }),
  acts: el("div", { class: "acts row" }),
  body: el("div", {}),
};

async function ask(body) {
  if (busy) return;
  busy = true;
  try {
    display(body ? await post("/api/check", body) : await get("/api/check"));
    if (body?.answer) show(await get("/api/state"));
  } catch (fault) {
    complain(fault);
  } finally {
    busy = false;
  }
}

function display(state) {
  now = state;
  at = 0;
  if (!main.contains(parts.body)) main.replaceChildren(parts.head, parts.about, parts.acts, parts.body);
  if (!now.check) none();
  else if (now.check.signed) signed();
  else if (!now.item) toSign();
  else question();
  parts.head.focus();
}

// -- one question -------------------------------------------------------------------------------------

function question() {
  const { item, check } = now;
  const name = item.kind === "name";
  parts.head.replaceChildren(...say(name ? "check_is_this" : "check_is_absent", { name: item.person }));
  about();
  parts.acts.replaceChildren(
    action("Enter", name ? "check_right" : "check_absent", () => judge("right"), { class: "action main" }),
    action("X", name ? "check_wrong" : "check_there", () => judge("wrong")),
    action("U", "check_cannot_tell", () => judge("cannot_tell")),
    action("Z", "check_back", back, { "aria-disabled": String(!now.undoable) }),
  );
  name ? showFace(item) : showPhoto(item);
  if (!check.latest) tell(say("check_older", { job: check.job_id }));
  ahead(now.ahead);
}

function about() {
  const { item, check } = now;
  const told = [...say("check_progress", { at: check.judged + 1, total: check.total })];
  if (item.scope) told.push(" \u00b7 ", ...say("check_scope", { scope: given(item.scope, "key") }));
  if (item.photos?.length > 1) told.push(" \u00b7 ", ...say("check_photo_of", { at: at + 1, n: item.photos.length }));
  if (item.photos_total > item.photos?.length) told.push(" \u00b7 ", ...say("check_more_photos", { n: item.photos_total - item.photos.length }));
  parts.about.replaceChildren(...told);
}

function ofPerson(item) {
  return el("div", {}, el("h2", {}, say("references_of", { name: item.person })),
    item.references.length ? references(item.references) : el("p", { class: "quiet" }, say("references_none")));
}

/** Take note when a picture is there; one that cannot be read is as good as there. */
function watch(picture) {
  seen = false;
  const there = () => picture.isConnected && (seen = true);
  picture.addEventListener("load", there, { once: true });
  picture.addEventListener("error", there, { once: true });
}

function showFace(item) {
  if (!item.face) {
    seen = false; // nobody can say that it is right or wrong
    return parts.body.replaceChildren(el("p", { class: "empty" }, say("check_face_gone")));
  }
  const picture = crop(item.face, { size: 320, alt: words("check_face"), kind: "crop" });
  watch(picture);
  const { box, width, height } = item.face;
  parts.body.replaceChildren(el("div", { class: "pairing" },
    el("div", {}, el("h2", {}, say("check_face")), picture),
    ofPerson(item),
    el("div", { class: "photo-place" }, el("h2", {}, say("whole_photo")), plate(image.photo(item.face), item.photo, width, height, [{ box }]))));
}

function showPhoto(item) {
  const shown = item.photos[at];
  if (!shown) {
    seen = false;
    return parts.body.replaceChildren(el("p", { class: "empty" }, say("check_no_photo")), ofPerson(item));
  }
  const figure = plate(image.key(shown.photo), shown.photo, shown.width, shown.height, []);
  watch(figure.querySelector("img"));
  parts.body.replaceChildren(el("div", { class: "missing-one checked" }, el("div", { class: "photo-place" }, figure), ofPerson(item)));
}

function turn(step) {
  const count = now?.item?.photos?.length ?? 0;
  if (busy || count < 2) return false;
  at = (at + step + count) % count;
  about();
  showPhoto(now.item);
}

/** Have the pictures of the next question fetched. */
function ahead(item) {
  if (!item) return;
  const wanted = item.references.map((one) => one.image);
  if (item.face) wanted.push(image.face(item.face, 320), image.photo(item.face));
  if (item.photos?.[0]) wanted.push(image.key(item.photos[0].photo));
  for (const src of wanted) new Image().src = src;
}

// -- the end ------------------------------------------------------------------------------------------

function toSign() {
  const { by, job_id: job } = now.check;
  parts.head.replaceChildren(...say("check_all_judged", { by: by ?? "" }));
  parts.about.replaceChildren(...say("check_what_signing", { job }));
  parts.acts.replaceChildren(
    action("Enter", "check_sign", () => ask({ sign: true }), { class: "action main" }),
    action("Z", "check_back", back),
  );
  parts.body.replaceChildren();
}

function signed() {
  parts.head.replaceChildren(...say("check_signed", { by: now.check.by ?? "" }));
  parts.about.replaceChildren();
  const open = now.wrong.length && !now.answered;
  parts.acts.replaceChildren(...(open ? [action("N", "check_answer", answer)] : []));
  parts.body.replaceChildren(figures(), ...wrongNames());
  if (now.answered) tell(say("check_answered"));
  else if (now.told && !now.told.length) tell(say("check_not_told"));
}

function figures() {
  return el("ul", { class: "figures" }, now.lines.map((line) => el("li", {}, given(line, "figure"))));
}

function wrongNames() {
  if (!now.wrong.length) return [];
  const rows = now.wrong.map(({ person, photo }) => el("li", {}, given(person), " \u00b7 ", given(photo, "key")));
  return [el("h2", {}, say("check_wrong_names", { n: now.wrong.length })), el("ul", {}, rows)];
}

function none() {
  parts.head.replaceChildren(...say("view_check"));
  parts.about.replaceChildren(...say("check_none"));
  parts.acts.replaceChildren();
  parts.body.replaceChildren(el("p", {}, el("code", {}, COMMAND)), now.lines.length ? figures() : el("p", { class: "quiet" }, say("check_none_yet")));
}

// -- acts ---------------------------------------------------------------------------------------------

function judge(verdict) {
  if (!now?.item || busy) return;
  if (!seen && verdict !== "cannot_tell") return tell(say("check_not_loaded"));
  tell([]);
  ask({ number: now.item.number, verdict });
}

function back() {
  if (now?.undoable) ask({ undo: true });
}

function answer() {
  if (now?.check?.signed && now.wrong.length && !now.answered) ask({ answer: true });
}

function enter() {
  if (now?.item) judge("right");
  else if (now?.check && !now.check.signed) ask({ sign: true });
}

start({});
bind({
  page: {
    Enter: enter,
    x: () => judge("wrong"),
    u: () => judge("cannot_tell"),
    z: back,
    n: answer,
    ArrowLeft: () => turn(-1),
    ArrowRight: () => turn(1),
  },
});
parts.about.replaceChildren(...say("check_looking"));
main.replaceChildren(parts.head, parts.about);
ask();
