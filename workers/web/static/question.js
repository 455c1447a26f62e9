// A question inside the page: is the new name somebody new, or a known person written otherwise?
import { el, say } from "./dom.js";
import { bind } from "./keys.js";

/**
 * Ask in `place`; gives {keep}, {name, person} of a known one, or null where the person goes back.
 *
 * `looks` are {name, like}: a new name and a known one that it looks like. Enter keeps the new
 * name, 1 takes the first known one.
 */
export function askLookAlike(place, looks) {
  const [{ name }] = looks;
  const known = [...new Set(looks.filter((look) => look.name === name).map((look) => look.like))].slice(0, 9);
  const head = el("p", { class: "ask", id: "ask-head" }, say("alike", { name, like: known[0] }));
  const choices = [
    ["Enter", say("alike_keep", { name }), { keep: true }],
    ...known.map((like, at) => [String(at + 1), say("alike_known", { like }), { name, person: like }]),
    ["Escape", say("alike_leave"), null],
  ];
  return choose(place, head, choices);
}

/** Ask whether two people are one; true or null. */
export function askMerge(place, name) {
  const head = el("p", { class: "ask", id: "ask-head" }, say("merge_two", { name }));
  return choose(place, head, [["Enter", say("merge_yes"), { keep: true }], ["Escape", say("alike_leave"), null]]);
}

function choose(place, head, choices) {
  return new Promise((settle) => {
    const box = el("div", { class: "question", role: "group", "aria-labelledby": "ask-head", tabindex: "-1" }, head);
    const end = (choice) => {
      away();
      box.remove();
      settle(choice);
    };
    const keys = Object.fromEntries(choices.map(([key, , choice]) => [key, () => end(choice)]));
    const away = bind({ alone: true, always: keys });
    box.append(el("div", { class: "acts" }, choices.map(([key, label, choice]) =>
      el("button", { type: "button", class: "action", onclick: () => end(choice) }, el("span", {}, label), el("kbd", { "aria-hidden": "true" }, key)),
    )));
    place.append(box);
    box.focus();
  });
}
