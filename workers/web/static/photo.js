// A whole photo with frames in it, and a frame that is drawn by hand.
import { el, given, placed, say, words } from "./dom.js";

const SMALL = 420; // pixels to which a smaller photo is enlarged

/** A figure of a photo; `boxes` are {box, kind} in pixels of the upright photo. */
export function plate(src, key, width, height, boxes) {
  const alt = words(boxes.length ? "photo_alt" : "photo_alone", { photo: key });
  const picture = el("img", { src, alt, decoding: "async", draggable: "false" });
  const inner = el("div", { class: "plate" }, picture);
  if (width && height) {
    inner.style.setProperty("--ratio", String(width / height));
    inner.style.setProperty("--wide", `${Math.max(width, SMALL)}px`);
    inner.append(...boxes.map(({ box, kind }) => el("span", { class: `frame ${kind ?? ""}`, style: placed(box, width, height) })));
  }
  return el("figure", { class: "whole" }, inner, el("figcaption", { class: "path quiet" }, given(key, "key")));
}

const LEAST = 8; // pixels of a side of a drawn frame

/** A frame on a plate, moved and sized by keys and pointer; `box` is in pixels of the photo. */
export class DrawnBox {
  constructor(figure, width, height, told) {
    this.plate = figure.querySelector(".plate");
    Object.assign(this, { width, height, told });
    const side = Math.max(LEAST, Math.round(Math.min(width, height) / 5));
    this.box = [Math.round((width - side) / 2), Math.round((height - side) / 2), side, side];
    this.frame = el("span", { class: "frame drawn", role: "img", "aria-label": words("box_label") });
    this.plate.append(this.frame);
    this.plate.classList.add("drawing");
    this._place();
  }

  /** Act on an arrow key; true where it was one. */
  key(name) {
    const [, held, way] = /^(Shift\+|Alt\+|Alt\+Shift\+)?Arrow(\w+)$/.exec(name) ?? [];
    if (!way) return false;
    const step = Math.max(1, Math.round(Math.min(this.width, this.height) / (held?.startsWith("Alt") ? 200 : 40)));
    const x = { Left: -step, Right: step }[way] ?? 0;
    const y = { Up: -step, Down: step }[way] ?? 0;
    const [left, top, wide, high] = this.box;
    this.set(held?.includes("Shift") ? [left, top, wide + x, high + y] : [left + x, top + y, wide, high]);
    return true;
  }

  set([x, y, w, h]) {
    const wide = Math.min(Math.max(w, LEAST), this.width);
    const high = Math.min(Math.max(h, LEAST), this.height);
    const left = Math.min(Math.max(x, 0), this.width - wide);
    const top = Math.min(Math.max(y, 0), this.height - high);
    this.box = [left, top, wide, high].map(Math.round);
    this._place();
  }

  _place() {
    for (const [key, value] of Object.entries(placed(this.box, this.width, this.height))) this.frame.style.setProperty(key, value);
    const [x, y, w, h] = this.box;
    this.told(say("box_told", { x, y, w, h }));
  }

  remove() {
    this.frame.remove();
    this.plate.classList.remove("drawing");
  }
}

/** Draw by dragging: `begin` makes the DrawnBox once the pointer moves. */
export function dragging(figure, width, height, begin, armed) {
  const plateOf = figure.querySelector(".plate");
  let from = null;
  const at = (event) => {
    const area = plateOf.getBoundingClientRect();
    return [((event.clientX - area.left) / area.width) * width, ((event.clientY - area.top) / area.height) * height];
  };
  plateOf.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.pointerType === "touch" && !armed())) return;
    from = at(event);
    plateOf.setPointerCapture(event.pointerId);
  });
  plateOf.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) < LEAST) return;
    begin().set([Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])]);
  });
  for (const end of ["pointerup", "pointercancel"]) plateOf.addEventListener(end, () => (from = null));
}
