// When a text box sends its text while somebody types: at once after a rest, then whenever the page
// has drawn the text sent before. A newer text ends the script that draws an older one, so that a
// message a key would let no picture be finished. What is overtaken in the meantime is never sent.
import { has_drawn, script_rests } from "../kit/dom.js";

const PACE_MS = 150; // at least, between two texts
const PATIENCE_MS = 2000; // at most, from a key until its text leaves: a slower script is ended by it,
// and then has twice as long before the next does so, or a full server would never finish one
const LOOK_MS = 20;

// read() -> the text in the box; send(text) hands it to the server.
export const paced = (read, send) => ({
  read, send, sent: "", heard: "", sent_at: -PACE_MS, timer: 0, patience: PATIENCE_MS,
});

// A key was pressed.
export function follow(pace) {
  pace.typed_at ??= performance.now();
  if (!pace.timer) look(pace);
}

function look(pace) {
  pace.timer = 0;
  if (is_due(pace)) send_now(pace);
  else pace.timer = setTimeout(() => look(pace), LOOK_MS);
}

function is_due(pace) {
  const now = performance.now();
  if (now - pace.sent_at < PACE_MS) return false;
  const is_drawn = pace.heard === pace.sent && (script_rests() || has_drawn(pace.heard));
  if (!is_drawn && now - pace.typed_at <= pace.patience) return false;
  pace.patience = is_drawn ? PATIENCE_MS : 2 * pace.patience;
  return true;
}

export function send_now(pace) {
  rest(pace);
  const text = pace.read();
  if (text === pace.sent) return;
  Object.assign(pace, { sent: text, sent_at: performance.now() });
  pace.send(text);
}

// The text that the server has now: at the start of the script that draws it.
export function hear(pace, text) {
  pace.heard = text;
}

// The server has put another text into the box: nothing is left to send.
export function begin(pace, text) {
  rest(pace);
  Object.assign(pace, { sent: text, heard: text });
}

// A click elsewhere: its script comes before what is typed next, which would end it.
export function step_back(pace) {
  send_now(pace);
  pace.sent_at = performance.now();
}

export function rest(pace) {
  clearTimeout(pace.timer);
  Object.assign(pace, { timer: 0, typed_at: undefined });
}
