// The program behind the page: what is asked of it, and what it says of the answers.
import { words } from "./dom.js";

/** A refusal: `status` 0 where the program did not answer at all. */
export class Fault extends Error {
  constructor(status, body) {
    super(body?.error ?? words(status === 0 ? "ended" : status === 401 || status === 403 ? "locked" : "failed"));
    this.status = status;
    this.body = body;
  }
}

let posts = 0;

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Fault(0, null);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Fault(response.status, body);
  return body;
}

/** Ask for something; `undefined` and empty values are left out of the address. */
export function get(path, values = {}) {
  const told = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(told.map(([key, value]) => [key, String(value)]));
  return ask(told.length ? `${path}?${query}` : path, {});
}

/** Send something that changes what is recorded. */
export function post(path, body = {}) {
  posts += 1;
  return ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** How often this page has sent anything: what was asked for before the last time is stale. */
export function sent() {
  return posts;
}

export const image = {
  face: (face, size = 160) => `/image/face/${face.row}?size=${size}`,
  photo: (face, width = 1280) => `/image/photo/${face.row}?width=${width}`,
  key: (key, width = 1280) => `/image/photo?${new URLSearchParams({ key, width })}`,
};
