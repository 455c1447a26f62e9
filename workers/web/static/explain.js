// Why: everything about the decision on a face, a photo or a person, in the document's own sentences.
import { get } from "./api.js";
import { el, given, say, score, words } from "./dom.js";
import { complain, main, numbersNow, start } from "./frame.js";
import { bind } from "./keys.js";

const what = decodeURIComponent(location.pathname.slice("/explain/".length));
const chosen = Object.fromEntries(new URLSearchParams(location.search));

async function load() {
  const found = await get("/api/explain", { what, as: chosen.as, photo: chosen.photo });
  const head = el("h1", { tabindex: "-1" }, title(found));
  main.replaceChildren(head, ...about(found), ...(SHOWN[found.kind] ?? (() => []))(found));
  document.title = words("title", { view: head.textContent });
  head.focus();
}

function title(found) {
  if (found.kind === "choice") return say("why_choice", { n: found.count });
  if (found.kind === "photo") return given(found.photo.photo, "key");
  if (found.kind === "person") return given(found.person.person);
  const { decision, person } = found.decision;
  return [badge(decision), " ", person ? given(person) : say("why_none")];
}

function about(found) {
  if (found.kind === "choice") return [];
  const pending = numbersNow().answers_pending;
  return [
    found.kind === "face" && el("p", { class: "lead" }, given(found.decision.because, "told")),
    found.kind === "face" && el("p", { class: "quiet" }, say("why_face", { face: found.face.face_id, photo: found.face.photo })),
    ...found.notes.map((note) => el("p", { class: "quiet" }, note)),
    Boolean(pending) && el("p", { class: "quiet" }, say("why_since", { n: pending })),
  ].filter(Boolean);
}

// -- parts ----------------------------------------------------------------------------------------------

const badge = (decision) => el("span", { class: `badge why ${decision}` }, decision);

function section(phrase, children, values = {}) {
  return children.length ? el("section", { class: "why" }, el("h2", {}, say(phrase, values)), children) : null;
}

function list(phrase, rows) {
  return section(phrase, rows.length ? [el("ul", { class: "lines" }, rows.map((row) => el("li", {}, row)))] : []);
}

function table(phrase, rows) {
  return section(phrase, [el("table", {}, el("tbody", {}, rows.map(([head, ...cells]) =>
    el("tr", {}, el("th", { scope: "row" }, head.replaceAll("_", " ")), cells.map((cell) => el("td", {}, cell))))))]);
}

function pictured(face, ...about) {
  const picture = face.image ? el("img", { src: face.image, alt: "", class: "crop", width: 160, height: 160, decoding: "async" }) : el("span", { class: "crop blank" });
  const shown = face.face_id ? el("a", { href: linkTo(face) , "aria-label": words("why_face", { face: face.face_id, photo: face.photo }) }, picture) : picture;
  return el("li", {}, shown, el("p", {}, about), el("p", { class: "quiet" }, given(face.photo, "key")));
}

const linkTo = (face) => `/explain/${encodeURIComponent(face.face_id)}?${new URLSearchParams({ as: "face", photo: face.photo })}`;

function pictures(phrase, rows, values = {}) {
  return section(phrase, rows.length ? [el("ul", { class: "why-faces" }, rows)] : [], values);
}

const small = (face) => pictured(face, badge(face.decision), " ", face.person ? given(face.person) : "");
const expected = (rows) => list("why_expected", rows.map((row) => [given(row.person), " ", (row.status ?? "").replaceAll("_", " "), row.reason ? [": ", given(row.reason, "told")] : ""]));
const answers = (rows) => list("why_answers", rows.map((row) => [
  el("code", {}, row.what), " ", row.person ? given(row.person) : "", row.new_person ? [" → ", given(row.new_person)] : "", `, ${row.at.slice(0, 10)}`, row.by ? [", ", given(row.by)] : "",
]));

const SHOWN = {
  face: (found) => [
    pictures("why_nearest", [
      pictured(found.face, say("why_the_face", { quality: el("span", {}, score(found.quality.quality)) })),
      ...found.nearest.flatMap((person) => person.references.slice(0, 3).map((one) =>
        pictured(one, say("why_reference", { name: person.person, worth: el("span", {}, score(one.worth)) })))),
    ]),
    list("why_rules", found.rules.map((rule) => [el("span", { class: rule.settled ? "settled" : "" }, given(rule.text, "told")), rule.settled ? [" ", el("b", {}, say("why_settled"))] : ""])),
    list("why_change", found.would_change.map((change) => [given(change.text, "told"), change.line ? [el("br"), el("code", {}, given(change.line, "told"))] : ""])),
    table("why_thresholds", found.thresholds.map((one) => [one.name, one.value.toFixed(3), one.from])),
    table("why_quality", found.quality.parts.map((part) => [part.part, part.value === null ? "–" : score(part.value), say("why_part", { factor: el("span", {}, score(part.factor)) })])),
    found.cluster && pictures("why_cluster", found.cluster.most_like.map((face) => pictured(face, score(face.likeness), " ", face.person ? given(face.person) : "")), { n: found.cluster.faces }),
    pictures("why_beside", found.beside.map(small)),
    expected(found.expected), answers(found.answers),
  ].filter(Boolean),
  photo: (found) => [
    pictures("why_faces", found.faces.map((face) => pictured(face, badge(face.decision), " ", face.person ? given(face.person) : "", el("br"), given(face.because, "told")))),
    expected(found.expected), answers(found.answers),
  ].filter(Boolean),
  person: (found) => [
    pictures("why_references", found.references.map((one) => pictured(one, ""))),
    list("why_alike", found.alike.map((other) => [given(other.person), `: ${score(other.worth)}`])),
    pictures("why_near", found.near_misses.map((face) => pictured(face, score(face.worth ?? 0), el("br"), given(face.because, "told")))),
    answers(found.answers),
  ].filter(Boolean),
  choice: (found) => [el("ul", { class: "lines" }, found.candidates.map((one) =>
    el("li", {}, one.kind, " ", el("a", { href: choiceOf(one) }, given(one.id, "key")), " ", given(one.about ?? "", "key"))))],
};

function choiceOf(one) {
  const more = one.kind === "face" ? { as: "face", photo: one.about } : { as: one.kind };
  return `/explain/${encodeURIComponent(one.id)}?${new URLSearchParams(more)}`;
}

bind({ page: { Escape: () => history.back() } });
start({ onothers: () => load().catch(complain) });
main.replaceChildren(el("h1", { tabindex: "-1" }, say("why_loading")));
load().catch((fault) => {
  main.replaceChildren(el("h1", { tabindex: "-1" }, say("why_none")));
  complain(fault);
});
