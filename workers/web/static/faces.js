// Tiles of faces, and one at a time of them in the tab order.
import { image } from "./api.js";
import { el, say, words } from "./dom.js";
import { columnsOf, moved } from "./keys.js";

/** A face as a picture. */
export function crop(face, { size = 160, alt = "", kind = "crop" } = {}) {
  return el("img", { src: image.face(face, size), alt, class: kind, width: size, height: size, decoding: "async" });
}

/** A group of tiles: the arrow keys move, one tile is in the tab order. */
export class Tiles {
  constructor({ label, kind = "tiles", onmove = () => {} }) {
    this.box = el("div", { class: kind, role: "group", "aria-label": label });
    this.at = 0;
    this.onmove = onmove;
    this.keys = Object.fromEntries(
      ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].map((key) => [key, () => this.move(key)]),
    );
  }

  get tiles() {
    return [...this.box.children];
  }

  /** Show tiles in place of those that were there. */
  fill(tiles, at = 0) {
    this.box.replaceChildren(...tiles);
    this.go(Math.min(at, tiles.length - 1), false);
  }

  move(key) {
    const count = this.tiles.length;
    if (!count) return false;
    const next = this.holdsFocus ? moved(key, this.at, count, columnsOf(this.box)) : this.at;
    this.go(next);
  }

  get holdsFocus() {
    return this.box.contains(document.activeElement);
  }

  go(at, focus = true) {
    this.at = Math.max(0, at);
    this.tiles.forEach((tile, n) => tile.setAttribute("tabindex", n === this.at ? "0" : "-1"));
    if (focus) this.tiles[this.at]?.focus();
    if (this.tiles.length) this.onmove(this.at);
  }
}

/** The address of the explanation of a face. */
export function whyOf(face) {
  return `/explain/${encodeURIComponent(face.face_id)}?${new URLSearchParams({ as: "face", photo: face.photo })}`;
}

/** A link to the explanation of a face. */
export function why(face, key = "W") {
  return el("p", { class: "quiet" }, el("a", { href: whyOf(face) }, say("why")), key && [" ", el("kbd", { "aria-hidden": "true" }, key)]);
}

/** Pictures of references, side by side. */
export function references(list, kind = "references") {
  return el("div", { class: kind }, list.map((reference, at) =>
    el("img", { src: reference.image, alt: words("reference_alt", { at: at + 1, n: list.length }), class: "crop", decoding: "async" }),
  ));
}
