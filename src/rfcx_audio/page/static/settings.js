// Keys and controls: what each of them does.

import { anyOpen } from "./dialogs.js";

const byId = (id) => document.getElementById(id);
const SPEEDS = ["1", "0.5", "0.25", "0.1"];
const VERDICTS = { y: "present", n: "absent", u: "unsure", s: "skip", o: "other" };
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const AROUND = 2; // the box, an octave on either side

export function bindSettings(app, about) {
  options(byId("view"), about.views.map((name) => [name, name === "model" ? "the model's" : name]));
  byId("views").hidden = about.views.length < 2;
  options(byId("gridSpecies"), about.of_queue.map((name) => [name, name]));
  options(byId("gridSize"), about.grid_sizes.map((size) => [size, size]));
  byId("gridSize").value = about.grid_sizes[1];
  const actions = actionsOf(app);
  for (const button of document.querySelectorAll("[data-do]")) {
    button.onclick = (event) => {
      actions[button.dataset.do]();
      if (event.detail) focusWork(app); // by the mouse: keys are for the clip again
    };
  }
  const set = {
    speed: (value) => app.player.setSpeed(Number(value)),
    volume: (value) => app.player.setVolume(Number(value)),
    brightness: (value) => redrawn(app, { brightness: Number(value) }),
    contrast: (value) => redrawn(app, { contrast: Number(value) }),
    view: (value) => changeView(app, value),
  };
  for (const [id, change] of Object.entries(set)) {
    byId(id).oninput = () => change(byId(id).value);
    byId(id).onchange = () => byId(id).tagName === "SELECT" && focusWork(app);
  }
  byId("loop").onchange = () => app.player.setLoop(byId("loop").checked);
  for (const id of ["from", "to"]) byId(id).onchange = () => typedRange(app);
  new ResizeObserver(() => app.redraw()).observe(byId("stage"));
  document.addEventListener("keydown", (event) => pressed(app, actions, event));
  document.addEventListener("pointerdown", () => app.player.wake());
}

function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, label]) => new Option(label, value)));
}

function actionsOf(app) {
  return {
    present: () => app.verdict("present"),
    absent: () => app.verdict("absent"),
    unsure: () => app.verdict("unsure"),
    skip: () => app.verdict("skipped"),
    other: () => app.chooseOther(),
    undo: () => app.undo(),
    note: () => app.editNote(),
    play: () => app.togglePlay(),
    resetBox: () => app.shown && app.box.reset(),
    range: () => toggleRange(app),
    mode: () => app.setMode(app.mode === "many" ? "single" : "many"),
    help: () => byId("helpDialog").showModal(),
    sendGrid: () => app.grid.send(),
    loop: () => byId("loop").click(),
    view: () => step(byId("view"), 1),
  };
}

// Numbers of the keyboard's lines, and what a key changes a control by.
const STEPS = {
  9: ["volume", -1],
  0: ["volume", 1],
  "-": ["brightness", -1],
  "+": ["brightness", 1],
  "=": ["brightness", 1],
  "[": ["contrast", -1],
  "]": ["contrast", 1],
};
const KEYS = { z: "undo", Backspace: "undo", t: "note", " ": "play", l: "loop", x: "resetBox" };
const ANYWHERE = { f: "range", v: "view", g: "mode", "?": "help" };

function pressed(app, actions, event) {
  const { target } = event;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const typing = target.matches("input:not([type=range], [type=checkbox]), select, textarea");
  if (anyOpen() || typing || event.altKey || event.metaKey) return;
  if (event.ctrlKey && key !== "z") return;
  app.player.wake();
  const ownKey = target.matches("button, input") && [" ", "Enter"].includes(key);
  const ownArrow = target.matches("input[type=range]") && ARROWS.includes(key);
  const isCell = target.classList.contains("cell");
  if ((ownKey && !isCell) || ownArrow) return;
  if (handled(app, actions, event, key)) event.preventDefault();
}

function handled(app, actions, event, key) {
  const held = event.repeat; // a key that is held answers one clip only
  if (app.mode === "many" && app.grid.key({ key })) return true;
  if (app.mode === "single" && VERDICTS[key]) {
    if (!held) actions[VERDICTS[key]]();
  } else if (app.mode === "single" && ARROWS.includes(key)) {
    if (app.shown) app.box.key(key, event.shiftKey);
  } else if (SPEEDS[key - 1]) {
    byId("speed").value = SPEEDS[key - 1];
    byId("speed").oninput();
  } else if (STEPS[key]) step(byId(STEPS[key][0]), STEPS[key][1]);
  else if (KEYS[key] ?? ANYWHERE[key]) {
    if (!held) actions[KEYS[key] ?? ANYWHERE[key]]();
  } else return false;
  return true;
}

function step(control, by) {
  if (control.tagName === "SELECT") {
    control.selectedIndex = (control.selectedIndex + by) % control.options.length;
  } else control.value = Number(control.value) + by * Number(control.step);
  control.oninput();
}

function focusWork(app) {
  if (anyOpen()) return;
  if (app.mode === "many") app.grid.cells[app.grid.at]?.button.focus();
  else byId("stage").focus();
}

function redrawn(app, changes) {
  Object.assign(app.plot, changes);
  app.redraw();
}

async function changeView(app, view) {
  app.view = view;
  if (app.mode === "many") return app.grid.open();
  const clip = app.current;
  if (!clip || !app.shown) return;
  const picture = await app.loaded.picture(clip.clip, view);
  if (app.current !== clip) return;
  app.shown = { ...app.shown, picture };
  app.redraw();
}

function toggleRange(app) {
  const clip = app.mode === "many" ? app.grid.cells[app.grid.at]?.clip : null;
  const [, , low, high] = clip ? [0, 0, clip.f_min, clip.f_max] : (app.box.box ?? [0, 0, null, null]);
  if (app.plot.range) setRange(app, null);
  else if (low !== null) setRange(app, [low / AROUND, high * AROUND]);
  else app.announce("The box has no frequencies; give them in kHz.");
}

function typedRange(app) {
  const [low, high] = ["from", "to"].map((id) => parseFloat(byId(id).value) * 1000);
  const { f_min: least, f_max: most } = app.plot.picture ?? { f_min: 50, f_max: 24000 };
  setRange(app, [low || least, high || most]);
}

function setRange(app, range) {
  byId("from").value = range ? (range[0] / 1000).toFixed(2) : "";
  byId("to").value = range ? (range[1] / 1000).toFixed(2) : "";
  redrawn(app, { range });
}
